package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

// config is what a process is told. Every flag is also an environment variable, and every zero value works. A command
// embeds the groups that mean something to it, so that its help lists nothing else.
type config struct {
	commonFlags
	webFlags
	sealFlags
	addressFlags
	adminFlags
	portFlags
}

// commonFlags are those of every process.
type commonFlags struct {
	Data              string `env:"KIKIGAKI_DATA"                default:"./data"         help:"Directory of the log, the views and the keys."`
	GRPC              string `env:"KIKIGAKI_GRPC"                default:"127.0.0.1:9090" help:"Address of gRPC; empty: none."`
	NATS              string `env:"KIKIGAKI_NATS"                                         help:"URL of an external NATS system; empty: embedded, in all and demo." placeholder:"URL"`
	ServiceSecretFile string `env:"KIKIGAKI_SERVICE_SECRET_FILE"                          help:"Secrets by which services know each other (default <data>/service.secret)." placeholder:"FILE"`
	OTLP              string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"                           help:"Where traces go (OTLP over gRPC), as http://collector:4317; empty: nowhere." placeholder:"URL" name:"otlp"`
	Log               string `env:"KIKIGAKI_LOG"                 default:"info"           help:"How much is logged: debug, info, warn, error." enum:"debug,info,warn,error"`
}

// webFlags are those of who serves HTTP.
type webFlags struct {
	HTTP string `env:"KIKIGAKI_HTTP" default:"127.0.0.1:8080" help:"Address of the API and the screens."`
}

// sealFlags are those of who keeps provider keys.
type sealFlags struct {
	MasterKeyFile   string   `env:"KIKIGAKI_MASTER_KEY_FILE"                                         help:"Key that seals provider keys (default <data>/master.key)." placeholder:"FILE"`
	OtherMasterKeys []string `env:"KIKIGAKI_OTHER_MASTER_KEY_FILES" help:"Master keys that only open, while one takes the place of another." placeholder:"FILE" name:"other-master-key-files"`
	ProviderBaseURL string   `env:"KIKIGAKI_PROVIDER_BASE_URL"   default:"https://api.openai.com/v1" help:"Base URL of new keys." placeholder:"URL"`
	ModelsFile      string   `env:"KIKIGAKI_MODELS_FILE"                                             help:"Data file about models, in place of the shipped one." placeholder:"FILE"`
}

// addressFlags are those of who calls providers.
type addressFlags struct {
	AllowAddresses []string `env:"KIKIGAKI_ALLOW_ADDRESSES" help:"Private addresses (CIDR) that providers may have; none by default." placeholder:"CIDR"`
}

// portFlags are those of who runs the embedded log.
type portFlags struct {
	NATSListen string `env:"KIKIGAKI_NATS_LISTEN" help:"Address where publishers reach the embedded log with an API token, as 127.0.0.1:4222; empty: no port." placeholder:"ADDRESS" name:"nats-listen"`
}

// adminFlags are those of who keeps accounts.
type adminFlags struct {
	BootstrapAdmin string `env:"KIKIGAKI_BOOTSTRAP_ADMIN" help:"login:password of the first administrator (default admin, with a password that is printed once)." placeholder:"LOGIN:PASSWORD"`
}

func (c config) logger() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log)); err != nil {
		level = slog.LevelInfo
	}
	return slog.New(telemetry.Logs(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
}

func (c config) views() string { return filepath.Join(c.Data, "views") }

func (c config) masterKey() string { return c.file(c.MasterKeyFile, masterKeyFile) }

func (c config) serviceSecret() string { return c.file(c.ServiceSecretFile, "service.secret") }

func (c config) file(named, usual string) string {
	if named != "" {
		return named
	}
	return filepath.Join(c.Data, usual)
}

func (c config) allowed() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range c.AllowAddresses {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--allow-addresses: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}

// admin is the login and password of the first administrator; the password is empty when one has to be made.
func (c config) admin() (login, password string, err error) {
	if c.BootstrapAdmin == "" {
		return "admin", "", nil
	}
	login, password, ok := strings.Cut(c.BootstrapAdmin, ":")
	if !ok || login == "" || password == "" {
		return "", "", fmt.Errorf("--bootstrap-admin: want login:password")
	}
	return login, password, nil
}
