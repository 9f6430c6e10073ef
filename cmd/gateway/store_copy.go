package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/config"
	"github.com/sluice-gateway/sluice/store/sqlstore"
)

func storeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "store", Short: "Look after the database", Args: cobra.NoArgs,
		Long: `Client keys, owners, accounts, configurations, sealed upstream keys, usage and requests lie
in the database of store.dsn: a SQLite file, or PostgreSQL.`,
	}
	cmd.AddCommand(storeCopyCommand())
	return cmd
}

func storeCopyCommand() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use: "copy", Short: "Copy everything into another, empty database", Args: cobra.NoArgs,
		Long: `Copy moves from SQLite to PostgreSQL, or back. The other database has to be there and to be
empty; its tables are made. It is filled in one transaction, every row is read back and
compared, and only then is it kept: whatever breaks it off leaves it empty, and the first
database is not changed. Prompts and answers, where they are kept, are copied too.

  1. stop every gateway of the first database: what they write meanwhile is not copied
  2. gateway store copy --from ./sluice.db --to postgres://sluice@db/sluice
  3. put the new store.driver and store.dsn into the configuration, and the first key
       of sluice.db.key, where there is that file, into store.encryption_key
  4. start the gateways

A password on a command line is seen by others of the machine: give it as PGPASSWORD, or the
whole DSN as SLUICE_TO.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return copyStore(cmd, from, to) },
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "./sluice.db", "the `DSN` of the database that is copied: a file's path, or postgres://…")
	f.StringVar(&to, "to", "", "the `DSN` of the database that is filled: postgres://…, or a file's path; needed")
	return cmd
}

func copyStore(cmd *cobra.Command, from, to string) error {
	source, target := storeOf(from), storeOf(to)
	switch {
	case to == "":
		return errors.New("--to is needed: the DSN of the database that is to be filled")
	case from == to:
		return errors.New("--from and --to are the same database")
	}
	if err := ready(&source); err != nil {
		return err
	}
	first, err := openCopyable(cmd.Context(), &source)
	if err != nil {
		return err
	}
	defer first.Close()
	second, err := openCopyable(cmd.Context(), &target)
	if err != nil {
		return err
	}
	defer second.Close()

	tables := &copied{out: cmd.ErrOrStderr(), begun: time.Now()}
	tables.last = tables.begun
	if err := sqlstore.Copy(cmd.Context(), first, second, tables.told); err != nil {
		return err
	}
	return tables.report(cmd.OutOrStdout(), &source, &target)
}

// storeOf tells an address of PostgreSQL from a file's path.
func storeOf(dsn string) config.Store {
	s := config.Store{Driver: "sqlite", DSN: config.Secret(dsn)}
	for _, begin := range []string{"postgres://", "postgresql://", "host=", "dbname=", "user=", "service="} {
		if strings.HasPrefix(dsn, begin) {
			s.Driver = "postgres"
		}
	}
	return s
}

// ready tells why a file cannot be copied yet: opening it would make it.
func ready(s *config.Store) error {
	file := s.File()
	if file == "" {
		return nil
	}
	if _, err := os.Stat(file); err != nil {
		return err
	}
	waiting, err := filepath.Glob(filepath.Join(file+".spool", "*.spool"))
	if err == nil && len(waiting) > 0 {
		err = fmt.Errorf("rows wait in %s.spool that the database has not taken: start the gateway once, so that it writes them", file)
	}
	return err
}

// copyable is a database that can be copied and filled.
type copyable interface {
	sqlstore.Copyable
	Close() error
}

func openCopyable(ctx context.Context, c *config.Store) (copyable, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	db, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	s, ok := db.(copyable)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s cannot be copied", c.Driver), db.Close())
	}
	return s, nil
}

// wordEvery is how often a long copy tells how far it is.
const wordEvery = 2 * time.Second

// copied follows a copy.
type copied struct {
	out         io.Writer
	begun, last time.Time
	done        []sqlstore.Progress // a table each, in their order
}

func (c *copied) told(p sqlstore.Progress) {
	if n := len(c.done); n == 0 || c.done[n-1].Table != p.Table {
		c.done = append(c.done, p)
	}
	c.done[len(c.done)-1] = p
	if now := time.Now(); now.Sub(c.last) >= wordEvery {
		what := "copied"
		if p.Comparing {
			what = "compared"
		}
		fmt.Fprintf(c.out, "%s: %d of %d rows %s after %s\n", tableName(p.Table), p.Rows, p.All, what, now.Sub(c.begun).Round(time.Second))
		c.last = now
	}
}

func tableName(s string) string { return strings.ReplaceAll(s, "_", " ") }

// report says what was copied, and what is to be done next.
func (c *copied) report(out io.Writer, source, target *config.Store) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tROWS")
	all := int64(0)
	for _, p := range c.done {
		fmt.Fprintf(w, "%s\t%d\n", tableName(p.Table), p.Rows)
		all += p.Rows
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d rows copied and compared in %s. Next: store.driver and store.dsn of the configuration.\n", all, time.Since(c.begun).Round(time.Millisecond))
	if file := source.File(); file != "" {
		if _, err := os.Stat(file + ".key"); err == nil && target.Driver == "postgres" {
			fmt.Fprintf(out, "What is sealed stays sealed with the key of %s.key: put the first key in it into store.encryption_key.\n", file)
		}
	}
	return nil
}
