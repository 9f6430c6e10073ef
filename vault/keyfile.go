package vault

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxKeyFile bounds a key file that is read, in bytes.
const maxKeyFile = 64 << 10

// readKeyFile answers the keys of a file, one on a line, the current one first. Lines
// that begin with # are for people. No file: no keys.
func readKeyFile(path string) ([]Key, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("encryption key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("encryption key file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		return nil, fmt.Errorf("encryption key file %s: it is no file of keys", path)
	}
	var keys []Key
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		k, err := ParseKey(line)
		if err != nil {
			return nil, fmt.Errorf("encryption key file %s, line %d: %w", path, n, err)
		}
		keys = append(keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("encryption key file %s: %w", path, err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("encryption key file %s holds no key; if nothing was ever sealed with it, remove it", path)
	}
	return keys, nil
}

// makeKeyFile puts a new key into a file that is not there yet. Where somebody else was
// faster, theirs is answered. The file is complete and on the disk before it has its
// name, so no key that seals anything can be lost.
func makeKeyFile(path string) ([]Key, error) {
	k := NewKey()
	temporary, err := writeBeside(path, []Key{k})
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(temporary) }() // it has its name, or is of no use
	if err := os.Link(temporary, path); errors.Is(err, fs.ErrExist) {
		return readKeyFile(path)
	} else if err != nil {
		return nil, fmt.Errorf("encryption key file: %w", err)
	}
	return []Key{k}, syncDirectory(path)
}

// replaceKeyFile puts keys in the place of those that a file holds.
func replaceKeyFile(path string, keys []Key) error {
	temporary, err := writeBeside(path, keys)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		_ = os.Remove(temporary) // it is of no use
		return fmt.Errorf("encryption key file: %w", err)
	}
	return syncDirectory(path)
}

func writeBeside(path string, keys []Key) (temporary string, err error) {
	var text bytes.Buffer
	fmt.Fprintln(&text, "# Sluice: opens what is sealed in the database beside it. Keep a copy elsewhere; without it those secrets are lost.")
	for _, k := range keys {
		fmt.Fprintln(&text, k.Reveal())
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".sluice-key-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("encryption key file: %w", err)
	}
	_, err = f.Write(text.Bytes())
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it is of no use
		return "", fmt.Errorf("encryption key file: %w", err)
	}
	return f.Name(), nil
}

func syncDirectory(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// readable says that others than the owner may read a file.
func readable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&0o077 != 0
}
