package disk_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/services/story/disk"
)

// role makes the test binary a program that a test starts.
const role = "KIKIGAKI_DISK_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "writer":
		write(os.Args[1], true)
	case "careless writer":
		write(os.Args[1], false)
	case "owner":
		own(os.Args[1])
	default:
		goleak.VerifyTestMain(m)
	}
}

// write says which run of the machine it finds itself in, and then appends numbers to a file and tells each of them
// when it is durable, or only written.
func write(path string, sync bool) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		os.Exit(1)
	}
	_, _ = os.Stdout.Write(id)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(1)
	}
	for n := 0; ; n++ {
		if _, err := fmt.Fprintln(file, n); err != nil {
			os.Exit(1)
		}
		if sync {
			if err := file.Sync(); err != nil {
				os.Exit(1)
			}
		}
		fmt.Fprintln(os.Stdout, n)
	}
}

// own makes a disk and waits for its death.
func own(dir string) {
	d, err := disk.New(context.Background(), dir)
	if err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, d.Path())
	select {}
}

// program is a program under test that talks line by line.
type program struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, as string, command ...string) *program {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), role+"="+as)
	cmd.Stderr = os.Stderr
	return started(t, cmd)
}

func started(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &program{cmd: cmd, lines: bufio.NewScanner(out)}
}

func (p *program) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatal("the program has ended")
	}
	return p.lines.Text()
}

// kill ends the program as kill -9 does and returns what it had said by then.
func (p *program) kill() []string {
	_ = p.cmd.Process.Kill()
	return p.end()
}

// end waits until the program has ended and returns what it still said.
func (p *program) end() (said []string) {
	for p.lines.Scan() {
		said = append(said, p.lines.Text())
	}
	_ = p.cmd.Wait()
	return said
}

// newDisk makes a disk, or says why there can be none.
func newDisk(t *testing.T) *disk.Disk {
	t.Helper()
	if err := disk.Available(); err != nil {
		t.Skip(err)
	}
	d, err := disk.New(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func cut(t *testing.T, d *disk.Disk) {
	t.Helper()
	if err := d.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// left is what of a folder the machine still knows: mounts in it, and loop devices on files of any disk.
func left(t *testing.T, dir string) (found []string) {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, dir) {
			found = append(found, line)
		}
	}
	return found
}

// backing is the file under the filesystem that is mounted at a path.
func backing(t *testing.T, path string) string {
	t.Helper()
	lines := left(t, path)
	if len(lines) != 1 {
		t.Fatalf("mounted at %s: %q", path, lines)
	}
	_, source, _ := strings.Cut(lines[0], " - ")
	file, err := os.ReadFile("/sys/block/" + filepath.Base(strings.Fields(source)[1]) + "/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(file))
}

// orphans are loop devices on images that are gone, and that the kernel was not told to free when they are unused.
func orphans(t *testing.T) (found []string) {
	t.Helper()
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := os.ReadFile(path)
		free, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "autoclear"))
		if err == nil && strings.Contains(string(file), "/kikigaki-disk-") && strings.Contains(string(file), "(deleted)") && string(free) == "0\n" {
			found = append(found, path+": "+strings.TrimSpace(string(file)))
		}
	}
	return found
}
