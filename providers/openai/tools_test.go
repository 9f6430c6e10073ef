package openai_test

import (
	"strings"
	"testing"

	"github.com/sluice-gateway/sluice/providers/providertest"
)

var (
	begin     = tool(`{"index":0,"id":"x","type":"function","function":{"name":"get_weather","arguments":""}}`)
	arguments = tool(`{"index":0,"function":{"arguments":"{}"}}`)
)

// tool writes a chunk with the elements of tool_calls.
func tool(elements ...string) string {
	return `{"id":"c","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[` + strings.Join(elements, ",") + `]}}]}`
}

func TestStreamTools(t *testing.T) {
	tests := []toolCase{
		{
			"clean", []string{begin, arguments},
			[]string{begin + ` | text "get_weather"`, arguments + ` | text "{}"`},
		},
		{
			"parallel and clean",
			[]string{begin, arguments, tool(`{"index":1,"id":"y","type":"function","function":{"name":"g","arguments":""}}`), tool(`{"index":1,"function":{"arguments":"1"}}`)},
			[]string{
				begin + ` | text "get_weather"`, arguments + ` | text "{}"`,
				tool(`{"index":1,"id":"y","type":"function","function":{"name":"g","arguments":""}}`) + ` | text "g"`,
				tool(`{"index":1,"function":{"arguments":"1"}}`) + ` | text "1"`,
			},
		},
		{
			"one beginning after the other",
			[]string{begin, tool(`{"index":1,"id":"y","type":"function","function":{"name":"g"}}`), tool(`{"index":1,"function":{"name":"o"}}`)},
			[]string{begin + ` | text "get_weather"`, tool(`{"index":1,"id":"y","type":"function","function":{"name":"go"}}`) + ` | text "go"`},
		},
		{
			"no type",
			[]string{tool(`{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}`), arguments},
			[]string{tool(`{"index":0,"id":"x","function":{"name":"f","arguments":"{}"},"type":"function"}`) + ` | text "f{}"`, arguments + ` | text "{}"`},
		},
		{
			"null type",
			[]string{tool(`{"index":0,"id":"x","type":null,"function":{"name":"f","arguments":"{}"}}`)},
			[]string{tool(`{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}`) + ` | text "f{}"`},
		},
		{
			"both under index 0",
			[]string{
				tool(`{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}`),
				tool(`{"index":0,"id":"y","type":"function","function":{"name":"g","arguments":"{"}}`),
				tool(`{"index":0,"function":{"arguments":"}"}}`),
			},
			[]string{
				tool(`{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"{}"}}`) + ` | text "f{}"`,
				tool(`{"index":1,"id":"y","type":"function","function":{"name":"g","arguments":"{"}}`) + ` | text "g{"`,
				tool(`{"index":1,"function":{"arguments":"}"}}`) + ` | text "}"`,
			},
		},
		{
			"both in one chunk, without index",
			[]string{tool(`{"id":"x","type":"function","function":{"name":"f","arguments":"1"}}`, `{"id":"y","type":"function","function":{"name":"g","arguments":"2"}}`)},
			[]string{tool(`{"id":"x","type":"function","function":{"name":"f","arguments":"1"},"index":0}`, `{"id":"y","type":"function","function":{"name":"g","arguments":"2"},"index":1}`) + ` | text "f1g2"`},
		},
		{
			"the id comes after the index",
			[]string{
				tool(`{"index":0,"type":"function","function":{"arguments":""}}`),
				tool(`{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}`),
			},
			[]string{
				tool(`{"index":0,"type":"function","function":{"arguments":""}}`),
				tool(`{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}`) + ` | text "f{}"`,
			},
		},
		{
			"an index is taken by one that was moved",
			[]string{
				tool(`{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"1"}}`, `{"index":0,"id":"y","type":"function","function":{"name":"g","arguments":"2"}}`),
				tool(`{"index":1,"id":"z","type":"function","function":{"name":"h","arguments":"3"}}`),
				tool(`{"index":0,"id":"x","function":{"arguments":"4"}}`),
			},
			[]string{
				tool(`{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"1"}}`, `{"index":1,"id":"y","type":"function","function":{"name":"g","arguments":"2"}}`) + ` | text "f1g2"`,
				tool(`{"index":2,"id":"z","type":"function","function":{"name":"h","arguments":"3"}}`) + ` | text "h3"`,
				tool(`{"index":0,"id":"x","function":{"arguments":"4"}}`) + ` | text "4"`,
			},
		},
	}
	checkTools(t, tests)
}

func TestStreamToolNames(t *testing.T) {
	tests := []toolCase{
		{
			"a name in pieces",
			[]string{
				tool(`{"index":0,"id":"x","type":"function","function":{"name":"get_"}}`),
				tool(`{"index":0,"function":{"name":"wea"}}`),
				tool(`{"index":0,"function":{"name":"ther","arguments":""}}`),
				arguments,
			},
			[]string{
				tool(`{"index":0,"id":"x","type":"function","function":{"name":"get_weather"}}`) + ` | text "get_weather"`,
				arguments + ` | text "{}"`,
			},
		},
		{
			"the last piece with arguments",
			[]string{tool(`{"index":0,"id":"x","type":"function","function":{"name":"get_"}}`), tool(`{"index":0,"function":{"name":"weather","arguments":"{}"}}`)},
			[]string{
				tool(`{"index":0,"id":"x","type":"function","function":{"name":"get_weather"}}`) + ` | text "get_"`,
				arguments + ` | text "weather{}"`,
			},
		},
		{
			"a name that is repeated",
			[]string{begin, tool(`{"index":0,"function":{"arguments":"{}","name":"get_weather"}}`), tool(`{"index":0,"function":{"name":"get_weather"}}`)},
			[]string{begin + ` | text "get_weather"`, tool(`{"index":0,"function":{"arguments":"{}"}}`) + ` | text "{}get_weather"`, tool(`{"index":0,"function":{}}`) + ` | text "get_weather"`},
		},
		{
			"empty ids later",
			[]string{begin, tool(`{"index":0,"id":"","type":"function","function":{"arguments":"{}"}}`)},
			[]string{begin + ` | text "get_weather"`, tool(`{"index":0,"id":"","type":"function","function":{"arguments":"{}"}}`) + ` | text "{}"`},
		},
		{
			"comes to an end while held", []string{begin},
			[]string{begin + ` | text "get_weather"`},
		},
	}
	checkTools(t, tests)
}

type toolCase struct {
	name     string
	in, want []string
}

func checkTools(t *testing.T, tests []toolCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := events(append(tt.in, "[DONE]")...)
			compare(t, providertest.Transcript(newDialect(t, "openai").Stream(strings.NewReader(in))), append(tt.want, "done"))
		})
	}
}

func TestStreamToolsWithoutIDs(t *testing.T) {
	in := events(
		tool(`{"index":0,"function":{"name":"f","arguments":"1"}}`, `{"index":0,"function":{"name":"g","arguments":"2"}}`),
		tool(`{"index":0,"id":"late","function":{"arguments":"3"}}`),
		"[DONE]",
	)
	got := providertest.Transcript(newDialect(t, "openai").Stream(strings.NewReader(in)))
	if again := providertest.Transcript(newDialect(t, "openai").Stream(strings.NewReader(in))); strings.Join(got, "") != strings.Join(again, "") {
		t.Errorf("ids differ:\n%v\n%v", got, again)
	}
	if n := strings.Count(got[0], `"id":"call_`); n != 2 {
		t.Errorf("%d ids were made: %s", n, got[0])
	}
	_, id, _ := strings.Cut(got[0], `"index":1,"function":{"name":"g","arguments":"2"},"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	if id == "" || !strings.Contains(got[1], `{"index":1,"id":"`+id+`",`) {
		t.Errorf("the late id does not name the call:\n%s", strings.Join(got, "\n"))
	}
}

func TestStreamHeldGoesBeforeTheEnd(t *testing.T) {
	begin := tool(`{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}`)
	held := begin + ` | text "f"`
	for in, want := range map[string][]string{
		events(begin):                  {held, "error: the upstream's stream ended before its answer did"},
		events(begin) + "data: {\"cho": {held, "error: the upstream's stream ended before its answer did"},
		events(begin, `{"error":{"message":"x","code":500}}`): {held, "failure: server_error 500 x"},
		events(begin, stop): {held, stop + " | finish stop", "done"},
		events(begin) + ": k\n\n" + events(stop, "[DONE]"): {"comment", held, stop + " | finish stop", "done"},
	} {
		compare(t, providertest.Transcript(newDialect(t, "openai").Stream(strings.NewReader(in))), want)
	}
}
