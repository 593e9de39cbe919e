// Kikigaki takes the transcripts of phone calls, lets people analyse them with a language model, and tells every open
// screen when the answer is there. `kikigaki demo` shows all of it on one machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // time zones of accounts are known on machines that have none installed

	"github.com/alecthomas/kong"
)

// commands are what the binary can do.
type commands struct {
	All       allCommand       `cmd:"" help:"Run every service in one process around an embedded log."`
	Demo      demoCommand      `cmd:"" help:"Run everything with sample calls and a simulated provider."`
	Simulator simulatorCommand `cmd:"" help:"Run the simulated provider alone."`

	Access   accessCommand   `cmd:"" group:"One service alone, over an external NATS system:" name:"access"            help:"Accounts, tokens and logins."`
	Keys     keysCommand     `cmd:"" group:"One service alone, over an external NATS system:" name:"key-registry"      help:"Provider keys."`
	Prompts  promptsCommand  `cmd:"" group:"One service alone, over an external NATS system:" name:"prompt-registry"   help:"Prompts and their order."`
	Ingest   ingestCommand   `cmd:"" group:"One service alone, over an external NATS system:" name:"transcript-ingest" help:"Calls and what was said in them."`
	Analysis analysisCommand `cmd:"" group:"One service alone, over an external NATS system:" name:"analysis-worker"   help:"Analyses, and the pace at which providers are asked."`
	Notify   notifyCommand   `cmd:"" group:"One service alone, over an external NATS system:" name:"notification"      help:"Tells every screen."`
	Console  consoleCommand  `cmd:"" group:"One service alone, over an external NATS system:" name:"console"           help:"The API's edge and the screens."`
	Secrets  secretsCommand  `cmd:"" group:"One service alone, over an external NATS system:" help:"Make the secrets by which services apart know each other."`
	Paths    pathsCommand    `cmd:"" group:"One service alone, over an external NATS system:" help:"List which service serves what over HTTP, for the gateway in front."`

	Calls struct {
		Check   checkCommand   `cmd:"" help:"Say what would be made of files, member by member, without sending them."`
		Import  importCommand  `cmd:"" help:"Import calls from files."`
		Export  exportCommand  `cmd:"" help:"Write a call as a file."`
		Receipt receiptCommand `cmd:"" help:"Show what has arrived of a call: repeated, late, missing."`
		Erase   eraseCommand   `cmd:"" help:"Erase a call for good."`
	} `cmd:"" help:"Bring calls in and out."`
	ProviderKeys keyCommands    `cmd:"" help:"Keep provider keys." name:"keys"`
	Analyze      analyzeCommand `cmd:"" help:"Analyse a call with a prompt."`
	Dead         struct {
		List    deadListCommand    `cmd:"" help:"List messages that were given up on, and why."`
		Redrive deadRedriveCommand `cmd:"" help:"Take some of them in again, once the reason is gone."`
	} `cmd:"" help:"Messages that were given up on."`
	OrderedPrompts promptCommands `cmd:"" help:"Look at prompts and put them into order." name:"prompts"`
	Verify         verifyCommand  `cmd:"" help:"Name every file that still holds something of an erased call."`
	Tenants        struct {
		Add addTenantCommand `cmd:"" help:"Add a tenant with its first administrator (while the services are stopped)."`
	} `cmd:"" help:"Keep tenants."`
}

// garbage is how much may be allocated, in percent of what is in use, before it is collected. Most of what words leave behind
// is short-lived: at Go's own 100 collecting takes a tenth of the processor of a stream of them. GOGC and GOMEMLIMIT
// still hold where an operator sets them.
const garbage = 200

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	cli := kong.Parse(&c, kong.Name("kikigaki"), kong.UsageOnError(),
		kong.Vars{"formats": formatNames()},
		kong.Description("Transcripts in, analyses out, every screen told."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	err := cli.Run()
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	_, _ = fmt.Fprintln(os.Stderr, "kikigaki:", err)
	stop()
	os.Exit(1) //nolint:gocritic // nothing is left to be deferred
}
