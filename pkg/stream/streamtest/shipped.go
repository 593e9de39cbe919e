package streamtest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// shippedFile is the production configuration, relative to this source file: another module's tests find it too.
const shippedFile = "../../../deployments/nats/r3.conf"

// variables are what the shipped configuration expects of the environment.
type variables struct {
	serverName, storeDir, maxFileStore, clientListen, clusterListen string
	routes                                                          []int
}

// shipped reads the production configuration for one server. The variables are set as definitions in front of the
// file's own text, where the server looks before it asks the environment: that is one for the whole process, and
// parallel tests would overwrite each other's.
func shipped(t testing.TB, v variables) *server.Options {
	t.Helper()
	_, here, _, ok := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), shippedFile)
	text, err := os.ReadFile(path)
	if !ok || err != nil {
		t.Fatalf("streamtest: the shipped configuration is read from the source tree (build without -trimpath): %v", err)
	}
	opts := &server.Options{}
	if err := opts.ProcessConfigString(v.definitions() + string(text)); err != nil {
		t.Fatalf("streamtest: %s: %v", path, err)
	}
	opts.NoSigs = true
	return opts
}

func (v variables) definitions() string {
	routes := make([]string, len(v.routes))
	for i, port := range v.routes {
		routes[i] = fmt.Sprintf("%q", natsURL(port))
	}
	return fmt.Sprintf("NATS_SERVER_NAME: %q\nNATS_STORE_DIR: %q\nNATS_MAX_FILE_STORE: %s\n"+
		"NATS_CLIENT_LISTEN: %q\nNATS_CLUSTER_LISTEN: %q\nNATS_ROUTES: [%s]\n",
		v.serverName, v.storeDir, v.maxFileStore, v.clientListen, v.clusterListen, strings.Join(routes, ", "))
}
