package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 4 << 20

// mark is a place in the file.
type mark struct{ line, column int }

// Load reads and parses the file at path. Env looks up environment variables, as
// os.LookupEnv does; nil: there are none. The error is Problems, also where the
// file cannot be read.
func Load(path string, env func(string) (string, bool)) (*Config, error) {
	return LoadWith(path, Options{Env: env, Run: RunCommand})
}

// LoadWith is Load with all options.
func LoadWith(path string, o Options) (*Config, error) {
	data, err := readBounded(path, maxFile)
	if err != nil {
		return nil, Problems{{File: path, Message: "cannot read the configuration: " + reason(err)}}
	}
	return ParseWith(path, data, o)
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, errors.New("it is a directory")
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	return data, nil
}

// reason is an error without the path that the message already names.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}
