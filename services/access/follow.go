package access

import (
	"bytes"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// apply brings the view up to one message. Kinds it does not know, of a newer version, change nothing.
//
// No clock is read here: a login whose time is over stays in the view until it is ended by an event, and readers look
// at its time. Otherwise two replicas at the same position could differ.
func apply(tx *view.Tx, m stream.Message) error {
	_, tenant, _, ok := subject.Parse(m.Subject)
	if !ok {
		return fmt.Errorf("access: foreign subject %q", m.Subject)
	}
	var event eventv1.AccessEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return err
	}
	switch e := event.GetKind().(type) {
	case *eventv1.AccessEvent_AccountSaved:
		return saveAccount(tx, key(tenant, e.AccountSaved.GetId()), e.AccountSaved)
	case *eventv1.AccessEvent_AccountDeleted:
		return deleteAccount(tx, key(tenant, e.AccountDeleted.GetId()))
	case *eventv1.AccessEvent_TokenSaved:
		k, hash := key(tenant, e.TokenSaved.GetId()), hashKey(subject.NounToken, e.TokenSaved.GetHash())
		return saveCredential(tx, tokenBucket, k, hash, e.TokenSaved)
	case *eventv1.AccessEvent_TokenDeleted:
		return deleteToken(tx, key(tenant, e.TokenDeleted.GetId()))
	case *eventv1.AccessEvent_LoginStarted:
		k, hash := key(tenant, e.LoginStarted.GetId()), hashKey(subject.NounLogin, e.LoginStarted.GetHash())
		return saveCredential(tx, loginBucket, k, hash, e.LoginStarted)
	case *eventv1.AccessEvent_LoginEnded:
		return endLogin(tx, key(tenant, e.LoginEnded.GetId()))
	}
	return nil
}

func saveAccount(tx *view.Tx, k []byte, saved *eventv1.AccountSaved) error {
	if err := freeName(tx, k); err != nil {
		return err
	}
	if err := tx.Put(nameBucket, []byte(saved.GetLogin()), k); err != nil {
		return err
	}
	return put(tx, accountBucket, k, saved)
}

func deleteAccount(tx *view.Tx, k []byte) error {
	if err := freeName(tx, k); err != nil {
		return err
	}
	return tx.Delete(accountBucket, k)
}

// freeName takes an account's login name back, unless somebody else has it by now: only the newest event of an account
// is kept, so a view that is made anew may see a name go over before it is given up.
func freeName(tx *view.Tx, k []byte) error {
	var old eventv1.AccountSaved
	ok, err := get(tx, accountBucket, k, &old)
	if err != nil || !ok || !bytes.Equal(tx.Get(nameBucket, []byte(old.GetLogin())), k) {
		return err
	}
	return tx.Delete(nameBucket, []byte(old.GetLogin()))
}

func saveCredential(tx *view.Tx, bucket string, k, hash []byte, m proto.Message) error {
	if err := tx.Put(hashBucket, hash, k); err != nil {
		return err
	}
	return put(tx, bucket, k, m)
}

func deleteToken(tx *view.Tx, k []byte) error {
	var old eventv1.TokenSaved
	if ok, err := get(tx, tokenBucket, k, &old); err != nil || !ok {
		return err
	}
	if err := tx.Delete(hashBucket, hashKey(subject.NounToken, old.GetHash())); err != nil {
		return err
	}
	return tx.Delete(tokenBucket, k)
}

func endLogin(tx *view.Tx, k []byte) error {
	var old eventv1.LoginStarted
	if ok, err := get(tx, loginBucket, k, &old); err != nil || !ok {
		return err
	}
	if err := tx.Delete(hashBucket, hashKey(subject.NounLogin, old.GetHash())); err != nil {
		return err
	}
	return tx.Delete(loginBucket, k)
}

// explains tells the follower why a remembered message may be missing on the log: logins go by themselves.
func explains(_ *view.Tx, _ string, s view.Seen) bool {
	noun, _, _, ok := subject.Parse(s.Subject)
	return ok && noun == subject.NounLogin && time.Since(s.Time) >= startedLife
}

// put stores a message deterministically, so that equal states have equal sums.
func put(tx *view.Tx, bucket string, k []byte, m proto.Message) error {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return err
	}
	return tx.Put(bucket, k, value)
}
