package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
)

// secrets are canaries by the slot that they go through.
type secrets map[string]string

func canaries() secrets {
	return secrets{
		"client key": "sk-canary-client-Kq3vTz81", "wrong client key": "sk-canary-wrong-Zx7wPq42", "client key, applied": "sk-canary-applied-Yy55Zz66",
		"admin token": "canary-admin-token-Hd93kfLw", "wrong admin token": "canary-wrong-admin-Pw02mcVx",
		"password": "canary-Password-Tg55-first", "new password": "canary-Password-Uh66-next", "wrong password": "canary-Password-Vi77-wrong",
		"upstream key, literal": "sk-canary-literal-Aa11Bb22", "upstream key, applied": "sk-canary-upapplied-Bb33Cc44",
		"upstream key, environment": "sk-canary-env-Cc33Dd44", "upstream key, file": "sk-canary-file-Ee55Ff66",
		"upstream key, command": "sk-canary-command-Gg77Hh88", "upstream key, stored": "sk-canary-stored-Ii99Jj00",
		"upstream key, refused": "sk-canary-refused-Kk11Ll22", "webhook secret": "canary-webhook-Mm33Nn44Oo55",
		"OTLP header": "canary-otlp-Qq66Rr77", "proxy password": "canaryproxySs88Tt99", "database password": "canarydatabaseDd22Ee33",
		"encryption key": base64.StdEncoding.EncodeToString([]byte("canary-encryption-key-0123456789"[:32])),
		"prompt":         "canary-prompt-Uu00Vv11", "answer": canaryAnswer,
	}
}

// fill puts secrets into a text, for their slots in double braces.
func (s secrets) fill(text string) string {
	for slot, secret := range s {
		text = strings.ReplaceAll(text, "{{"+slot+"}}", secret)
	}
	return text
}

// forms are how a secret may be written.
func forms(secret string) []string {
	all := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)), hex.EncodeToString([]byte(secret))}
	if quoted, err := json.Marshal(secret); err == nil {
		all = append(all, strings.Trim(string(quoted), `"`))
	}
	return all
}

// belongs are the places in which a secret has to be.
func belongs(slot string) []string {
	switch slot {
	case "prompt":
		return []string{"database", "kept content"}
	case "answer":
		return []string{"database", "kept content", "answers"}
	case "client key, made", "client key, rotated", "token, made":
		return []string{"shown once"}
	}
	return nil
}

// places collects texts in which no secret may be, by what they are.
type places struct {
	mu  sync.Mutex
	all map[string]string
}

func (p *places) add(what, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[what] += text + "\n"
}

func (p *places) has(what, text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.all[what], text)
}

// look finds secrets where they do not belong, and wants them where they do. Every place
// has to hold something that it is known to hold, or nothing is shown about it.
func (p *places) look(t *testing.T, all secrets) {
	t.Helper()
	for place, known := range map[string]string{
		"log": `"msg":"request"`, "metrics": "sluice_key_up", "traces": "chat m", "webhooks": "keys_down", "database": "req_", "admin answers": `"data":[`,
		"answers": "chat.completion", "failures": "upstream", "refusals": "invalid_api_key", "admin refusals": "unauthorized", "commands": "postgres",
		"kept content": "attempts", "shown once": `"key":`,
	} {
		if !strings.Contains(p.all[place], known) {
			t.Errorf("nothing is shown about the %s: there is no %q in it: %.500s", place, known, p.all[place])
		}
	}
	for slot, secret := range all {
		for place, text := range p.all {
			found := -1
			for _, form := range forms(secret) {
				if i := strings.Index(text, form); i >= 0 {
					found = i
				}
			}
			own := slices.Contains(belongs(slot), place)
			if found >= 0 && !own {
				t.Errorf("the %s lies in the %s: …%.300q", slot, place, text[max(0, found-120):])
			}
			if found < 0 && own {
				t.Errorf("the %s is not in the %s", slot, place)
			}
		}
	}
}
