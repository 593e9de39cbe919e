package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// attach makes a loop device of a file. It takes milliseconds, and a context does not end it under way: a device that
// was made, but whose name was not told, would be nobody's to give up.
func attach(ctx context.Context, image string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	out, err := output(context.WithoutCancel(ctx), "losetup", "--find", "--show", image)
	return strings.TrimSpace(out), err
}

// run runs a tool; its error holds what the tool said.
func run(ctx context.Context, name string, args ...string) error {
	_, err := output(ctx, name, args...)
	return err
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // names are this package's own
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return string(out), nil
}

// release gives up a loop device. The kernel frees one that is still in use as soon as it no longer is.
func release(ctx context.Context, device string) error {
	if _, err := os.Stat("/sys/block/" + filepath.Base(device) + "/loop"); err != nil {
		return nil //nolint:nilerr // nothing is behind it: it is given up already
	}
	return run(ctx, "losetup", "--detach", device)
}

// unmount takes a filesystem away from a path, where there is one.
func unmount(ctx context.Context, path string) error {
	if mounted(path) == "" {
		return nil
	}
	err := run(ctx, "umount", path)
	if err == nil {
		return nil
	}
	// Somebody has a file open: the name goes now, the rest when the last one has let go.
	if lazy := run(ctx, "umount", "--lazy", path); lazy != nil {
		return errors.Join(err, lazy)
	}
	return nil
}

// mounted is what is mounted at a path, by its device; "" when nothing is.
func mounted(path string) (device string) {
	for at, from := range mounts() {
		if at == path {
			device = from
		}
	}
	return device
}

// mounts are the places where something is mounted, with their devices.
func mounts() map[string]string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	out := map[string]string{}
	for line := range strings.Lines(string(table)) {
		place, source, found := strings.Cut(line, " - ")
		p, s := strings.Fields(place), strings.Fields(source)
		if found && len(p) > 4 && len(s) > 1 {
			out[unescape(p[4])] = unescape(s[1])
		}
	}
	return out
}

// unescape reads a path as the kernel writes it there.
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// copySparse copies a file without the holes in it.
func copySparse(ctx context.Context, from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	for at := int64(0); ctx.Err() == nil; {
		begin, err := unix.Seek(int(in.Fd()), at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // holes up to the end
			return out.Truncate(size)
		}
		if err != nil {
			return err
		}
		if at, err = unix.Seek(int(in.Fd()), begin, unix.SEEK_HOLE); err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(out, begin), io.NewSectionReader(in, begin, at-begin)); err != nil {
			return err
		}
	}
	return ctx.Err()
}
