package broker

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/proto/subject"
)

func TestAPublisherIsAnsweredWhenItsEventIsStored(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	at := subject.InboxOf("north", "asr-1")
	byToken, byPassword := d.outside(t, nats.Token("token-north")), d.outside(t, nats.UserInfo("anything", "token-north"))

	if ack := byToken.publish(t, at, "one"); ack.Stream != subject.Inbox || ack.Sequence != 1 || ack.Duplicate {
		t.Errorf("answered %+v", ack)
	}
	m := nats.NewMsg(at)
	m.Data = []byte("two")
	m.Header.Set("ce-type", "kikigaki.utterance.v1")
	m.Header.Set("kikigaki-PUBLISHER", "admin")
	m.Header.Set(PublisherHeader, "admin")
	if answer, err := byPassword.RequestMsgWithContext(t.Context(), m); err != nil || !strings.Contains(string(answer.Data), `"seq":2`) {
		t.Errorf("%v %v", answer, err)
	}
	future, err := byToken.js.PublishAsync(at, []byte("three"))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-future.Ok():
	case err := <-future.Err():
		t.Error(err)
	}
	if err := byToken.Publish(at, []byte("unasked")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all four", func() bool { return len(d.held(t, subject.Inbox)) == 4 })
	for i, m := range d.held(t, subject.Inbox) {
		if m.Subject != at || string(m.Data) != []string{"one", "two", "three", "unasked"}[i] {
			t.Errorf("%d: %s %s", i, m.Subject, m.Data)
		}
		if who := m.Header.Values(PublisherHeader); len(who) != 1 || who[0] != "asr" || m.Header["kikigaki-PUBLISHER"] != nil {
			t.Errorf("%d: published by %v", i, m.Header)
		}
	}
	if two := d.held(t, subject.Inbox)[1]; two.Header.Get("ce-type") != "kikigaki.utterance.v1" {
		t.Errorf("headers are %v", two.Header)
	}
}

func TestNobodyComesInWithoutAGoodToken(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	d.set("token-of-nobody", Publisher{Tenant: "north"})
	for name, how := range map[string][]nats.Option{
		"nothing":           nil,
		"wrong token":       {nats.Token("token-east")},
		"empty token":       {nats.Token("")},
		"empty password":    {nats.UserInfo("token-north", "")},
		"token as the name": {nats.UserInfo("token-north", "x")},
		"endless token":     {nats.Token(strings.Repeat("x", 300))},
		"no account":        {nats.Token("token-of-nobody")},
		"inherited account": {nats.Token("token-east"), nats.Name("kikigaki")},
	} {
		if _, err := d.knock(how...); !errors.Is(err, nats.ErrAuthorization) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	d.fail(fault.New(fault.Unavailable, "UNAVAILABLE"))
	if _, err := d.knock(nats.Token("token-north")); err == nil || errors.Is(err, nats.ErrAuthorization) {
		t.Fatalf("nobody can tell who it is, and the client is told %v", err)
	}
	if asked := d.questions(); asked[""] != 0 || asked[strings.Repeat("x", 300)] != 0 || asked["token-east"] == 0 {
		t.Errorf("asked about %v", asked)
	}
	if log := d.log.String(); strings.Contains(log, "token-") || !strings.Contains(log, "refused a publisher") {
		t.Errorf("the log says %s", log)
	}
}

// A publisher can name any reply subject, and the server asks nobody whether it may. Where it was published to the stream
// itself, the stream's answer would go there: into the history of a call.
func TestAReplySubjectWritesNowhere(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	o := d.outside(t, nats.Token("token-north"))
	var last string
	for i, reply := range []string{
		subject.Call("north", "x", subject.KindOpened), subject.Call("south", "x", subject.KindOpened),
		subject.InboxOf("south", "asr"), subject.Refused("south", "asr"), subject.Refused("north", "asr"),
		"$JS.API.STREAM.PURGE." + subject.Calls, "$SYS.REQ.SERVER.PING", "a.b", "_INBOX.other.1",
	} {
		last = fmt.Sprint("with reply ", i)
		m := &nats.Msg{Subject: subject.InboxOf("north", "asr"), Reply: reply, Data: []byte(last)}
		if err := o.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	// The next is answered after them. Answers that went anywhere are there by then.
	o.publish(t, subject.InboxOf("north", "asr"), "end")
	for range 2 {
		o.publish(t, subject.InboxOf("north", "asr"), "end")
	}
	for _, stream := range []string{subject.Calls, "HINTS"} {
		for _, m := range d.held(t, stream) {
			t.Errorf("%s holds %s %s", stream, m.Subject, m.Data)
		}
	}
	stored := 0
	for _, m := range d.held(t, subject.Inbox) {
		if m.Subject != subject.InboxOf("north", "asr") {
			t.Errorf("the inbox holds %s %s", m.Subject, m.Data)
		}
		if strings.HasPrefix(string(m.Data), "with reply") {
			stored++
		}
	}
	if stored != 9 {
		t.Errorf("%d of 9 were stored", stored)
	}
}

func TestAPublisherPublishesToItsInboxOnly(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	o := d.outside(t, nats.Token("token-north"))
	seen := make(chan *nats.Msg, 1000)
	spy, err := d.nc.ChanSubscribe(">", seen)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = spy.Unsubscribe() }()
	for _, at := range []string{
		subject.InboxOf("south", "asr"), subject.Call("north", "x", subject.KindOpened), subject.Refused("north", "asr"),
		subject.Refused("south", "asr"), strings.TrimSuffix(subject.Relayed("south", "asr"), ">") + "asr",
		strings.TrimSuffix(subject.Relayed("north", "asr"), ">") + "asr", subject.Answer(subject.InboxOf("south", "x")),
		"$JS.API.INFO", "$JS.API.STREAM.LIST", "$JS.API.STREAM.DELETE." + subject.Calls,
		"$JS.API.CONSUMER.MSG.NEXT." + subject.Inbox + ".c", "$JS.ACK.X.Y.1.1.1.1.1", "$SYS.REQ.USER.INFO",
		"$SYS.REQ.SERVER.PING", "_INBOX.other.1", "_R_.x.y", "$KV.a.b", "any", "kikigaki.inbox.north",
	} {
		if err := o.PublishRequest(at, "_INBOX.mine.1", []byte("forbidden")); err != nil {
			continue // the client itself refuses
		}
		o.denied(t, "publish to "+at)
	}
	o.publish(t, subject.InboxOf("north", "asr"), "allowed")
	if err := d.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for len(seen) > 0 {
		if m := <-seen; strings.Contains(string(m.Data), "forbidden") {
			t.Errorf("%s was published to %s", m.Data, m.Subject)
		}
	}
}

func TestAPublisherHearsItsOwnOnly(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	o, colleague := d.outside(t, nats.Token("token-north")), d.outside(t, nats.Token("token-north-2"))
	stranger := d.outside(t, nats.Token("token-south"))
	for _, at := range []string{
		">", "*", "*.>", "kikigaki.>", subject.InboxAll("north"), subject.InboxAll("south"), subject.RefusedAll("south"),
		subject.RefusedAnywhere(), subject.All(subject.NounHint), subject.All(subject.NounCall), subject.RelayedAll(),
		"$JS.>", "$SYS.>", "$JS.EVENT.ADVISORY.>", "_R_.>", "_INBOX_north.>", "_INBOX*.>",
	} {
		if _, err := o.SubscribeSync(at); err == nil {
			o.denied(t, "subscribe to "+at)
		}
		if _, err := o.QueueSubscribeSync(at, "q"); err == nil {
			o.denied(t, "queue subscribe to "+at)
		}
	}
	heard := make(chan *nats.Msg, 1000)
	for _, at := range []string{"_INBOX.>", subject.RefusedAll("north")} {
		if _, err := o.ChanSubscribe(at, heard); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Flush(); err != nil {
		t.Fatal(err)
	}
	// Answers to others, in the same tenant and elsewhere, and what was refused of others.
	colleague.publish(t, subject.InboxOf("north", "dialer"), "a colleague's")
	stranger.publish(t, subject.InboxOf("south", "asr"), "a stranger's")
	for _, at := range []string{"_INBOX.own.1", subject.Refused("south", "asr"), subject.InboxOf("north", "x"), "any"} {
		if err := d.nc.Publish(at, []byte("ours")); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.nc.Publish(subject.Refused("north", "asr"), []byte("yours")); err != nil {
		t.Fatal(err)
	}
	if m := <-heard; m.Subject != subject.Refused("north", "asr") || string(m.Data) != "yours" {
		t.Errorf("heard %s %s", m.Subject, m.Data)
	}
	select {
	case m := <-heard:
		t.Errorf("heard %s %s", m.Subject, m.Data)
	case err := <-o.errs:
		t.Errorf("denied what is allowed: %v", err)
	default:
	}
}

// The stream is one for all tenants, and so are its ideas of a repetition and of what was expected.
func TestOneTenantsOrdersDoNotTouchAnother(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	north, south := d.outside(t, nats.Token("token-north")), d.outside(t, nats.Token("token-south"))
	for i, o := range []*outsider{north, south} {
		at := subject.InboxOf([]string{"north", "south"}[i], "asr")
		ack, err := o.js.Publish(t.Context(), at, []byte("x"), jetstream.WithMsgID("1"), jetstream.WithExpectStream(subject.Inbox))
		if err != nil || ack.Duplicate {
			t.Errorf("%s: %+v %v", at, ack, err)
		}
	}
	if held := d.held(t, subject.Inbox); len(held) != 2 {
		t.Errorf("%d of two messages with one id are stored", len(held))
	}
	at := subject.InboxOf("north", "asr")
	for name, value := range map[string]string{
		jetstream.ExpectedLastSubjSeqSubjHeader: subject.InboxOf("south", "asr"), jetstream.ExpectedLastSubjSeqHeader: "0",
		jetstream.ExpectedLastSeqHeader: "0", jetstream.ExpectedLastMsgIDHeader: "1", jetstream.MsgRollup: "all",
		jetstream.MsgTTLHeader: "1s", "Nats-Batch-Id": "b", "Nats-Schedule": "@at 2030-01-01T00:00:00Z", "Nats-Incr": "+1",
		"nats-rollup": "all", "NATS-EXPECTED-STREAM": "x",
	} {
		m := nats.NewMsg(at)
		m.Header[name] = []string{value}
		var api *jetstream.APIError
		if _, err := north.js.PublishMsg(t.Context(), m); !errors.As(err, &api) || api.Code != 400 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A trace of its way is sent within the publisher's own account, and the message goes no further.
	for _, to := range []string{subject.InboxOf("south", "asr"), subject.Call("north", "x", subject.KindOpened)} {
		m := nats.NewMsg(at)
		m.Header.Set("Nats-Trace-Dest", to)
		if err := north.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	north.publish(t, at, "end")
	if held := d.held(t, subject.Inbox); len(held) != 3 {
		t.Errorf("%d messages are stored", len(held))
	}
	if held := d.held(t, subject.Calls); len(held) != 0 {
		t.Errorf("%d events are in calls", len(held))
	}
}

func TestASourceIsOneToken(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	o := d.outside(t, nats.Token("token-north"))
	for _, source := range []string{"a.b", "_a", "é", "~!", strings.Repeat("x", 200)} {
		var api *jetstream.APIError
		at := strings.TrimSuffix(subject.InboxAll("north"), ">") + source
		if _, err := o.js.Publish(t.Context(), at, nil); !errors.As(err, &api) || api.Code != 400 {
			t.Errorf("%q: %v", source, err)
		}
	}
}

func TestATenantMayHaveAnyName(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	for i, tenant := range []string{"北の窓口", "a.b", ">", "*", "_x", " ", strings.Repeat("x", 200)} {
		token := fmt.Sprint("token", i)
		d.set(token, Publisher{Tenant: tenant, Account: "a.>" + tenant})
		o := d.outside(t, nats.Token(token))
		refused, err := o.SubscribeSync(subject.RefusedAll(tenant))
		if err != nil {
			t.Fatal(err)
		}
		o.publish(t, subject.InboxOf(tenant, "源"), tenant)
		if err := d.nc.Publish(subject.Refused(tenant, "源"), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := refused.NextMsgWithContext(t.Context()); err != nil {
			t.Errorf("%q: %v", tenant, err)
		}
		if err := o.Publish(subject.InboxOf("north", "x"), nil); err != nil {
			t.Fatal(err)
		}
		o.denied(t, tenant)
	}
	for _, m := range d.held(t, subject.Inbox) {
		if _, tenant, rest, ok := subject.Parse(m.Subject); !ok || tenant != string(m.Data) || rest[0] != "源" {
			t.Errorf("%s: %s", m.Subject, m.Data)
		}
	}
}
