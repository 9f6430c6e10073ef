package config

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// Store is where keys, usage and the record of requests are kept.
type Store struct {
	// Driver is sqlite or postgres. Default sqlite.
	Driver string `yaml:"driver"`
	// DSN is the database file's path for sqlite, a URL for postgres. Default
	// ./sluice.db; :memory: keeps nothing over the process.
	DSN Secret `yaml:"dsn"`
	// EncryptionKey seals what must not lie in the database in the clear: 32 bytes in
	// base64 or hex. Default empty: with sqlite one is made beside the database, as
	// <dsn>.key, when it is first needed; with postgres secrets cannot be stored.
	EncryptionKey Secret `yaml:"encryption_key"`
	// OldEncryptionKeys still open what they have sealed. Default none.
	OldEncryptionKeys []Secret `yaml:"old_encryption_keys"`
	// Retention is how long requests and attempts are kept; sums stay. Default 30 days.
	// Zero: for ever.
	Retention time.Duration `yaml:"retention"`
	Content   Content       `yaml:"content"`
	// Memory bounds the rows that wait for the database in memory, in bytes. Default
	// 64 MiB; zero is refused.
	Memory int64 `yaml:"memory,size"`
	Spool  Spool `yaml:"spool"`
}

// Content is whether prompts and answers are kept.
type Content struct {
	// Keep switches it on. Default false.
	Keep bool `yaml:"keep"`
	// Retention is how long. Default 7 days. Zero: as long as the request.
	Retention time.Duration `yaml:"retention"`
	// Max bounds a prompt and an answer, each, in bytes; the rest is cut. Default 64 KiB.
	Max int64 `yaml:"max,size"`
}

// Spool is where rows wait on disk while the database is slow or gone.
type Spool struct {
	// Path is its directory, made where it is missing. Default <dsn>.spool for sqlite, ./sluice.spool for postgres;
	// empty, as for :memory:, nothing is spooled.
	Path string `yaml:"path"`
	// Max bounds it in bytes. Default 1 GiB. Zero: nothing is spooled.
	Max int64 `yaml:"max,size"`
}

// Budgets is where the live levels of the limits are kept.
type Budgets struct {
	// Driver is memory. Default memory.
	Driver string `yaml:"driver"`
	// Levels is a file that keeps the levels over a restart: it is written on stop and
	// every second. Default <dsn>.levels where the store is a file. Empty, in the file
	// none: a restart begins with full buckets.
	Levels string `yaml:"levels"`
	// URL is the address of a networked driver; empty for memory.
	URL Secret `yaml:"url"`
}

// Memory is the DSN of a store that keeps nothing over the process.
const Memory = ":memory:"

// File is the database's file; empty where the store is not one.
func (s *Store) File() string {
	if s.Driver != "sqlite" || s.DSN == Memory {
		return ""
	}
	return s.DSN.Reveal()
}

// complete fills the names of the files beside the database.
func (c *Config) completeStore() {
	s, b := &c.Store, &c.Budgets
	if s.Spool.Path == "" {
		switch {
		case s.Driver == "postgres":
			s.Spool.Path = "./sluice.spool"
		case s.File() != "":
			s.Spool.Path = s.File() + ".spool"
		}
	}
	switch {
	case b.Levels == "none":
		b.Levels = ""
	case b.Levels == "" && s.File() != "":
		b.Levels = s.File() + ".levels"
	}
}

// ParseEncryptionKey reads a key of 32 bytes in base64 or hex. The error tells nothing
// of it.
func ParseEncryptionKey(s Secret) (key [32]byte, err error) {
	text := strings.TrimSpace(s.Reveal())
	raw, err := hex.DecodeString(text)
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if err != nil || len(raw) != len(key) {
			raw, err = e.DecodeString(text)
		}
	}
	if err != nil || len(raw) != len(key) {
		return key, errors.New("is not 32 bytes in base64 or hex; openssl rand -base64 32 makes one")
	}
	distinct := map[byte]bool{}
	for _, b := range raw {
		distinct[b] = true
	}
	if len(distinct) < leastDistinct {
		return key, errors.New("is no random key: hardly any of its bytes differ; openssl rand -base64 32 makes one")
	}
	return [32]byte(raw), nil
}

// leastDistinct is how many different bytes a key has at least: 32 random ones have
// fewer once in more than 10^20 keys.
const leastDistinct = 8
