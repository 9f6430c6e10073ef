package sqlstore

import (
	"context"
	"fmt"

	"github.com/pressly/goose/v3"
)

// migrate applies what the database lacks, each migration in a transaction of its own with
// its number, so that one that is killed leaves nothing.
func (s *Store) migrate(ctx context.Context) error {
	apply := func() error { return s.apply(ctx) }
	if s.dialect.Alone == nil {
		return apply()
	}
	return s.dialect.Alone(ctx, s.write, apply)
}

func (s *Store) apply(ctx context.Context) error {
	p, err := goose.NewProvider(s.dialect.Goose, s.write, s.dialect.Migrations,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	has, knows, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if has > knows {
		return fmt.Errorf("the database has version %d and this program knows up to %d: "+
			"a newer gateway has written it; use that one, or put a backup from before back", has, knows)
	}
	_, err = p.Up(ctx)
	return err
}
