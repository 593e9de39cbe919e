package access

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// Buckets of the view.
const (
	accountBucket = "accounts"    // tenant, 0, account id -> AccountSaved
	nameBucket    = "names"       // login name -> tenant, 0, account id
	tokenBucket   = "tokens"      // tenant, 0, token id -> TokenSaved
	loginBucket   = "logins"      // tenant, 0, login id -> LoginStarted
	hashBucket    = "credentials" // noun, 0, hash -> tenant, 0, token or login id
	viewFormat    = "1"
)

func buckets() []string {
	return []string{accountBucket, nameBucket, tokenBucket, loginBucket, hashBucket}
}

func key(tenant, id string) []byte { return []byte(tenant + "\x00" + id) }

func splitKey(k []byte) (tenant, id string) {
	before, after, _ := bytes.Cut(k, []byte{0})
	return string(before), string(after)
}

// bucketOf is where the tokens or the logins are.
func bucketOf(noun string) string {
	if noun == subject.NounToken {
		return tokenBucket
	}
	return loginBucket
}

func hashKey(noun string, hash []byte) []byte { return append([]byte(noun+"\x00"), hash...) }

// get reads a message; false when there is none.
func get(tx *view.Tx, bucket string, k []byte, m proto.Message) (bool, error) {
	value := tx.Get(bucket, k)
	if value == nil {
		return false, nil
	}
	return true, decode(value, m)
}

func decode(value []byte, m proto.Message) error {
	if err := proto.Unmarshal(value, m); err != nil {
		return fmt.Errorf("access: view: %w", err)
	}
	return nil
}

// readState is what a decision about a tenant's accounts needs. It is good for as long as the transaction is.
func readState(tx *view.Tx, tenant string) (state, error) {
	st := state{tenant: tenant, owner: func(login string) string {
		_, id := splitKey(tx.Get(nameBucket, []byte(login)))
		return id
	}}
	for _, value := range tx.Scan(accountBucket, key(tenant, ""), nil) {
		var saved eventv1.AccountSaved
		if err := decode(value, &saved); err != nil {
			return st, err
		}
		st.accounts = append(st.accounts, accountOf(tenant, &saved))
	}
	return st, nil
}

// readAccount finds an account of a tenant.
func readAccount(tx *view.Tx, tenant, id string) (Account, bool, error) {
	var saved eventv1.AccountSaved
	ok, err := get(tx, accountBucket, key(tenant, id), &saved)
	return accountOf(tenant, &saved), ok, err
}

// accountByLogin finds the account, of whatever tenant, that has a login name.
func accountByLogin(tx *view.Tx, login string) (Account, bool, error) {
	k := tx.Get(nameBucket, []byte(login))
	if k == nil {
		return Account{}, false, nil
	}
	tenant, id := splitKey(k)
	return readAccount(tx, tenant, id)
}

// credentialByHash finds the token or login that a value belongs to.
func credentialByHash(tx *view.Tx, noun string, hash []byte) (credential, bool, error) {
	k := tx.Get(hashBucket, hashKey(noun, hash))
	if k == nil {
		return credential{}, false, nil
	}
	tenant, id := splitKey(k)
	if noun == subject.NounToken {
		t, ok, err := readToken(tx, tenant, id)
		return t.credential(tenant), ok, err
	}
	var started eventv1.LoginStarted
	ok, err := get(tx, loginBucket, k, &started)
	return loginOf(tenant, &started), ok, err
}

func readToken(tx *view.Tx, tenant, id string) (Token, bool, error) {
	var saved eventv1.TokenSaved
	ok, err := get(tx, tokenBucket, key(tenant, id), &saved)
	return tokenOf(&saved), ok, err
}

// eachToken visits the tokens of a tenant, or of all when it is empty.
func eachToken(tx *view.Tx, tenant string, visit func(tenant string, t Token)) error {
	for k, value := range tx.Scan(tokenBucket, prefix(tenant), nil) {
		var saved eventv1.TokenSaved
		if err := decode(value, &saved); err != nil {
			return err
		}
		of, _ := splitKey(k)
		visit(of, tokenOf(&saved))
	}
	return nil
}

// eachLogin visits the logins of a tenant, or of all when it is empty.
func eachLogin(tx *view.Tx, tenant string, visit func(credential)) error {
	for k, value := range tx.Scan(loginBucket, prefix(tenant), nil) {
		var started eventv1.LoginStarted
		if err := decode(value, &started); err != nil {
			return err
		}
		of, _ := splitKey(k)
		visit(loginOf(of, &started))
	}
	return nil
}

func prefix(tenant string) []byte {
	if tenant == "" {
		return nil
	}
	return key(tenant, "")
}
