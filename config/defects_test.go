package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testEnv is the environment that fixtures refer to.
func testEnv(name string) (string, bool) {
	switch name {
	case "EMPTY":
		return "", true
	case "SECRET_VALUE":
		return "sk-do-not-print-me", true
	}
	return "", false
}

// Every file of testdata/defects has one defect; the golden file beside it holds
// the problems it must give. UPDATE_GOLDEN=1 writes them anew.
func TestDefects(t *testing.T) {
	files, err := filepath.Glob("testdata/defects/*.yaml")
	if err != nil || len(files) < 70 {
		t.Fatalf("%d fixtures, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			cfg, err := Load(file, testEnv)
			if err == nil {
				t.Fatalf("the configuration was accepted: %+v", cfg)
			}
			problems, ok := err.(Problems)
			if !ok {
				t.Fatalf("the error is a %T", err)
			}
			for i := range problems {
				problems[i].File = ""
			}
			got := problems.Error() + "\n"
			if strings.Contains(got, "do-not-print") || strings.Contains(got, "secret@") {
				t.Errorf("a problem tells a secret:\n%s", got)
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}
