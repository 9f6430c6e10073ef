package config

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// FuzzParse: whatever a file holds, Parse answers, soon, with a valid configuration
// or with problems that have a message.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/defects/*.yaml", "../examples/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("? [a]\n: b\n<<: {x: 1}\n"))
	f.Add([]byte("server: !!str {}\nroutes: |\n  x\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 16<<10 || strings.Contains(string(data), "file:") {
			return
		}
		start := time.Now()
		cfg, err := Parse("fuzz.yaml", data, testEnv)
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if err == nil {
			if len(cfg.Routes) == 0 || len(cfg.Providers) == 0 {
				t.Error("accepted without routes or providers")
			}
			if d := Diff(cfg, cfg); len(d) != 0 {
				t.Errorf("it differs from itself: %v", d)
			}
			return
		}
		problems, ok := err.(Problems)
		if !ok || len(problems) == 0 {
			t.Fatalf("the error is %T with %d problems", err, len(problems))
		}
		for _, p := range problems {
			if p.Message == "" || strings.Contains(p.String(), "do-not-print") {
				t.Errorf("problem %q", p.String())
			}
		}
	})
}

// Nesting and repetition that would take a parser long or deep are refused soon.
func TestHostileFiles(t *testing.T) {
	const n = 200_000
	for name, data := range map[string]string{
		"flow":      "a: " + strings.Repeat("[", n),
		"flow maps": "a: " + strings.Repeat("{a: ", n),
		"dashes":    strings.Repeat("- ", n),
		"questions": strings.Repeat("? ", n),
		"tags":      "a: " + strings.Repeat("!!str ", n),
		"anchors":   "a: " + strings.Repeat("&a ", n),
		"colons":    strings.Repeat("a: ", n),
		"quotes":    strings.Repeat("\"a", n),
		"lines":     strings.Repeat("a:\n", n),
		"steps":     steps(1500),
		"spaces":    "a: " + strings.Repeat(" ", n) + "b",
	} {
		t.Run(name, func(t *testing.T) {
			start := cpuTime(t)
			if _, err := Parse("", []byte(data), nil); err == nil {
				t.Error("accepted")
			}
			if took := cpuTime(t) - start; took > 10*time.Second {
				t.Errorf("took %v", took)
			} else {
				t.Log(took)
			}
		})
	}
}

// cpuTime is what the process has computed so far. It does not grow while others have the
// processors.
func cpuTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// steps nests n mappings, each one space deeper.
func steps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}
