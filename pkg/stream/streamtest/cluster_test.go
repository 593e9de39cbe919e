package streamtest

import "testing"

func TestThreeServersKeepAStreamWhileOneIsStopped(t *testing.T) {
	t.Parallel()
	c := StartCluster(t)
	js := jetStream(t, c.Conn(t))
	declare(t, js, "TRIAL", Size)
	publish(t, js, "trial.a", "with three")

	leader := c.WaitLeader(t, "TRIAL")
	c.StopNode(t, leader)
	publish(t, js, "trial.a", "with two")
	if next := c.WaitLeader(t, "TRIAL"); next == leader {
		t.Errorf("server %d is stopped and leads", leader)
	}

	c.StartNode(t, leader)
	c.WaitReady(t)
	other := jetStream(t, c.ConnTo(t, leader))
	if got := last(t, other, "TRIAL", "trial.a"); got != "with two" {
		t.Errorf("asked through the restarted server: %q", got)
	}
}

// What is asserted is what the running server works with, not what the file says.
func TestServersRunTheShippedConfiguration(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	opts := shipped(t, variables{
		serverName: "alone", storeDir: t.TempDir(), maxFileStore: "3GB",
		clientListen: addr(ports[0]), clusterListen: addr(ports[1]), routes: ports[1:],
	})
	run := boot(t, opts, keepDiary(t))
	t.Cleanup(func() { stop(run) })

	js := run.JetStreamConfig()
	if !js.SyncAlways {
		t.Error("sync_interval: acknowledged does not mean on disk")
	}
	if js.MaxStore != 3<<30 {
		t.Errorf("max_file_store: %d bytes", js.MaxStore)
	}
	if got := opts.JetStreamLimits.DefaultMaxConsumers; got != 2000 {
		t.Errorf("default_max_consumers: %d", got)
	}
	if opts.HTTPPort != 0 || opts.HTTPSPort != 0 || run.MonitorAddr() != nil {
		t.Error("there is a monitoring port")
	}
}
