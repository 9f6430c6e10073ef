// Package pgtest gives tests a PostgreSQL server of their own: real, in a temporary
// directory, reachable through a Unix socket there, and gone afterwards. A test package
// starts one in TestMain and asks it for one database per test:
//
//	func TestMain(m *testing.M) { pgtest.Main(m, func(s *pgtest.Server) { server = s }) }
//
// The server's programs are those of the Debian package postgresql, which
// scripts/setup-test.sh installs. Without them the tests fail.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// Options say how a server runs.
type Options struct {
	// Sync: what is committed is on the disk, as in production; measurements need it. Off,
	// it still survives a kill of the server.
	Sync bool
	// Settings are settings of postgresql.conf as name=value.
	Settings []string
}

// Server is a running server. It is safe for concurrent use, but for Kill, Restart and
// Stop.
type Server struct {
	dir, bin  string
	options   Options
	as        *syscall.Credential
	databases atomic.Int64
	process   *exec.Cmd
	ended     chan error
	release   chan struct{}
	log       *os.File
}

// Main runs a package's tests with a server, and ends the process.
func Main(m *testing.M, use func(*Server)) {
	s, err := Start(Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		os.Exit(1)
	}
	use(s)
	code := m.Run()
	if err := s.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Start makes a server and waits until it answers.
func Start(o Options) (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, options: o}
	if s.as, err = credential(); err != nil {
		return nil, err
	}
	// The path of a socket is short: the directory is not below a test's own.
	if s.dir, err = os.MkdirTemp("", "sluice-pg-"); err != nil {
		return nil, err
	}
	if err := s.init(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// programs finds the newest version's directory.
func programs() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	best, version := "", 0.0
	for _, f := range found {
		dir := filepath.Dir(f)
		if v, err := strconv.ParseFloat(filepath.Base(filepath.Dir(dir)), 64); err == nil && v > version {
			best, version = dir, v
		}
	}
	if best != "" {
		return best, nil
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p), nil
	}
	return "", errors.New("no PostgreSQL server is installed here: run scripts/setup-test.sh")
}

// credential is somebody whom PostgreSQL accepts: it refuses root.
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL refuses root, and there is neither a user postgres nor nobody")
}

func (s *Server) init() error {
	if s.as != nil {
		if err := os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			return err
		}
	}
	c := exec.Command(filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", "sluice", "--auth=trust",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	c.Dir = s.dir
	c.SysProcAttr = attributes(s.as)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// start starts the server. It dies with this process, and since that is bound to the thread
// that started it, the thread stays as long.
func (s *Server) start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	args := []string{"-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=64MB"}
	if !s.options.Sync {
		args = append(args, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	}
	for _, set := range s.options.Settings {
		args = append(args, "-c", set)
	}
	c := exec.Command(filepath.Join(s.bin, "postgres"), args...)
	c.Dir, c.Stdout, c.Stderr = s.dir, log, log
	c.SysProcAttr = attributes(s.as)
	started, ended, release := make(chan error), make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- c.Start()
		<-release
	}()
	if err := <-started; err != nil {
		close(release)
		return errors.Join(err, log.Close())
	}
	go func() { ended <- c.Wait() }()
	s.process, s.ended, s.release, s.log = c, ended, release, log
	return s.await()
}

// await waits until the server answers.
func (s *Server) await() error {
	db, err := sql.Open("pgx", s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("the server ended: %w: %s", err, s.tail())
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %s", s.tail())
		case <-tick.C:
		}
	}
}

// tail is the end of the server's log.
func (s *Server) tail() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

// DSN names one of the server's databases; "postgres" is there from the beginning.
func (s *Server) DSN(database string) string {
	return "postgres:///" + database + "?host=" + s.dir + "&user=sluice&sslmode=disable"
}

// Database makes an empty database for a test, and answers its DSN.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := "test_" + strconv.FormatInt(s.databases.Add(1), 10)
	if err := s.exec(`CREATE DATABASE ` + name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.exec(`DROP DATABASE ` + name + ` WITH (FORCE)`); err != nil {
			tb.Error(err)
		}
	})
	return s.DSN(name)
}

func (s *Server) exec(statement string) error {
	db, err := sql.Open("pgx", s.DSN("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// Kill ends the server and all its processes as a crash would.
func (s *Server) Kill() error { return s.end(syscall.SIGQUIT) }

// Restart starts a server that was killed.
func (s *Server) Restart() error { return s.start() }

// Stop ends the server and removes what it kept.
func (s *Server) Stop() error {
	return errors.Join(s.end(syscall.SIGINT), os.RemoveAll(s.dir))
}

func (s *Server) end(signal syscall.Signal) error {
	if s.process == nil {
		return nil
	}
	err := s.process.Process.Signal(signal)
	select {
	case <-s.ended: // its exit code is the signal's
	case <-time.After(30 * time.Second):
		err = errors.Join(err, errors.New("the server does not end: "+strings.TrimSpace(s.tail())), s.process.Process.Kill())
		<-s.ended
	}
	close(s.release)
	s.process = nil
	return errors.Join(err, s.log.Close())
}
