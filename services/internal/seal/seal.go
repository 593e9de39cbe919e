// Package seal encrypts what only one service may read, and binds it to the place it belongs to.
//
// What is sealed for one tenant, key, version and host does not open for another: who can write to the log still
// cannot make a key's secret appear elsewhere, or have it sent to a host of their own.
package seal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/core/cryptofmt"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Binding is where a sealed text belongs.
type Binding struct {
	Tenant, Key string
	Version     uint32
	// Host is the scheme and host that the secret may be sent to.
	Host string
}

// data writes a binding so that no two bindings are written the same.
func (b Binding) data() []byte {
	var out []byte
	for _, part := range []string{"kikigaki key secret 1", b.Tenant, b.Key, b.Host} {
		out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
		out = append(out, part...)
	}
	return binary.BigEndian.AppendUint32(out, b.Version)
}

// Sealer seals under a master key, and opens what it or another it knows has sealed. It prints as nothing.
type Sealer struct {
	aead   tink.AEAD
	id     uint32
	others []*Sealer
}

// String hides the key.
func (*Sealer) String() string { return "[sealer]" }

// ID is the id of the key that seals. It is no secret.
func (s *Sealer) ID() uint32 { return s.id }

// Under is the id of the key that a text says it was sealed with; false for what is no sealed text.
func (*Sealer) Under(sealed []byte) (id uint32, ok bool) {
	if len(sealed) < cryptofmt.NonRawPrefixSize || sealed[0] != cryptofmt.TinkStartByte {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:]), true
}

// ErrCannotOpen says that a sealed text does not belong where it was found, was altered, or is under another key.
var ErrCannotOpen = errors.New("seal: cannot be opened here")

// Seal encrypts a text for a place.
func (s *Sealer) Seal(text []byte, b Binding) ([]byte, error) {
	out, err := s.aead.Encrypt(text, b.data())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return out, nil
}

// Open decrypts what was sealed for a place; [ErrCannotOpen] otherwise.
func (s *Sealer) Open(sealed []byte, b Binding) ([]byte, error) {
	out, err := s.aead.Decrypt(sealed, b.data())
	if err == nil {
		return out, nil
	}
	for _, other := range s.others {
		if out, err := other.Open(sealed, b); err == nil {
			return out, nil
		}
	}
	return nil, ErrCannotOpen
}

// With is a sealer that opens what others have sealed, too, and seals as before: while one master key takes the place of
// another, both have to open.
func (s *Sealer) With(others ...*Sealer) *Sealer {
	return &Sealer{aead: s.aead, id: s.id, others: slices.Concat(s.others, others)}
}

// Outdated tells whether a text is to be sealed anew: it opens in its place, but not under the key that seals now. Once
// nothing is outdated any more, the other keys may be taken away. What opens under no key is not outdated but lost.
func (s *Sealer) Outdated(sealed []byte, b Binding) bool {
	if id, ok := s.Under(sealed); ok && id == s.id {
		if _, err := s.aead.Decrypt(sealed, b.data()); err == nil {
			return false
		}
	}
	_, err := s.Open(sealed, b)
	return err == nil
}

// Load reads a master key from a file that must be closed to others: mode 0600, at most 0640, as a cluster gives it to a
// process that is not root. The file is a keyset, so that a new key can be added beside the old ones.
func Load(path string) (*Sealer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if info.Mode().Perm()&0o037 != 0 {
		return nil, fmt.Errorf("seal: %s must be closed to others (mode 0600, at most 0640, is %#o)", path, info.Mode().Perm())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(data)))
	if err != nil {
		return nil, fmt.Errorf("seal: %s is no keyset", path) // the cause could quote the file
	}
	return sealer(handle)
}

func sealer(handle *keyset.Handle) (*Sealer, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	primary, err := handle.Primary()
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return &Sealer{aead: primitive, id: primary.KeyID()}, nil
}

// LoadOrCreate reads the master key, or makes a file with a new one (AES-256-GCM) when there is none.
func LoadOrCreate(path string) (*Sealer, error) {
	s, err := Load(path)
	if !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	if s, err = create(path); errors.Is(err, os.ErrExist) {
		return Load(path) // another process was first
	}
	return s, err
}

func create(path string) (*Sealer, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	_, err = file.Write(text.Bytes())
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealer(handle)
}
