package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// version is set by the build (-ldflags "-X main.version=…").
const unversioned = "dev"

var version = unversioned

// errSaid ends the program with status 1 when everything has been said already.
var errSaid = errors.New("already said")

// environment looks up a variable.
type environment = func(string) (string, bool)

// root is the command tree. out takes what was asked for, errs what people read.
func root(out, errs io.Writer, env environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gateway",
		Short: "Sluice: all of your rate limit, none of the 429s",
		Long: `Sluice is an OpenAI-compatible gateway for large language models. It estimates
each call's tokens, reserves requests and tokens on the upstream account with the
most room, settles with what was really used, rotates across keys, falls back along
a list of models, and under pressure lets the important work through.

Start it with no configuration at all:

  gateway serve

Every flag can be given as an environment variable: --admin-listen is
SLUICE_ADMIN_LISTEN.`,
		SilenceUsage: true, SilenceErrors: true,
	}
	cmd.SetOut(out)
	cmd.SetErr(errs)
	cmd.AddCommand(serveCommand(env), keysCommand(env), usageCommand(env), checkCommand(env), simulatedCommand(), simulateCommand(env), secretsCommand(env), storeCommand(), versionCommand())
	cmd.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return fromEnvironment(c.Flags(), env) }
	return cmd
}

// fromEnvironment sets every flag that was not given from its SLUICE_… variable.
func fromEnvironment(flags *pflag.FlagSet, env environment) error {
	var problems []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "SLUICE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v, ok := env(name); ok && !f.Changed && f.Name != "help" {
			if err := flags.Set(f.Name, v); err != nil {
				problems = append(problems, fmt.Errorf("%s: %w", name, err))
			}
		}
	})
	return errors.Join(problems...)
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			goVersion := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				goVersion = info.GoVersion
			}
			fmt.Fprintf(cmd.OutOrStdout(), "sluice %s (%s)\n", version, goVersion)
		},
	}
}
