package config

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"
	"time"
)

// Options are how a text is read. The zero value reads one that names neither variables
// nor commands.
type Options struct {
	// Env looks up environment variables, as os.LookupEnv does. Nil: there are none.
	Env func(name string) (string, bool)
	// Run answers what a program prints, for ${command:…}; RunCommand is the real one.
	// Nil: such a reference is a problem.
	Run func(ctx context.Context, dir string, words []string) (string, error)
	// File is set for a text that does not come from the host's own file but from
	// somebody at the admin API: it is the configuration of the file, and bounds what
	// the text may do. References may stand only where the file has the very same ones,
	// and paths of files are the file's own; so nobody reads the host's files and
	// environment, or writes to its disk, through the API. Nil: the text is the file's.
	File *Config
	// Known are configurations whose literal secrets the text's placeholders stand for;
	// see Redacted.
	Known []*Config
}

const (
	// commandTimeout bounds one command, allCommands those of a file together.
	commandTimeout = 10 * time.Second
	allCommands    = time.Minute
	// maxPrinted bounds what a command prints, in bytes.
	maxPrinted = 64 << 10
)

// RunCommand starts a program without a shell, in a directory, and answers what it
// prints, without the white space at its end. It takes at most 10 s and 64 KiB. What the
// program writes elsewhere is dropped, and no error repeats what it wrote.
func RunCommand(ctx context.Context, dir string, words []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second // its children may hold the pipe
	var out bytes.Buffer
	bounded := &boundedWriter{&out, maxPrinted}
	cmd.Stdout = bounded
	err := cmd.Run()
	var ended *exec.ExitError
	switch {
	case bounded.left < 0:
		return "", errPrintsTooMuch
	case ctx.Err() != nil:
		return "", errors.New("it took longer than 10s")
	case errors.As(err, &ended):
		return "", errors.New("it ended with " + ended.String())
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("there is no such program")
	case err != nil:
		return "", errors.New("it could not be run: " + reason(err))
	}
	return out.String(), nil
}

var errPrintsTooMuch = errors.New("it prints more than 64 KiB")

// boundedWriter takes so many bytes and then fails.
type boundedWriter struct {
	w    io.Writer
	left int
}

func (b *boundedWriter) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errPrintsTooMuch
	}
	return b.w.Write(p)
}

// splitWords splits a command at spaces; quotes keep words together.
func splitWords(s string) ([]string, error) {
	var words []string
	var b strings.Builder
	in, quoted := false, rune(0)
	for _, r := range s {
		switch {
		case quoted != 0:
			if r == quoted {
				quoted = 0
			} else {
				b.WriteRune(r)
			}
		case r == '"' || r == '\'':
			in, quoted = true, r
		case r == ' ' || r == '\t' || r == '\n':
			if in {
				words = append(words, b.String())
				b.Reset()
			}
			in = false
		default:
			in = true
			b.WriteRune(r)
		}
	}
	if in {
		words = append(words, b.String())
	}
	switch {
	case quoted != 0:
		return nil, errors.New("a quote is not closed")
	case len(words) == 0 || words[0] == "":
		return nil, errors.New("no program is named")
	}
	return words, nil
}
