package tokens

// Text is the contents of a JSON string, between the quotes, as a slice of the
// request's own body: nothing is copied or unescaped until a count needs it.
type Text struct {
	JSON []byte
	// Escaped says that a backslash is in it.
	Escaped bool
}

// Form is the kind of request that a prompt comes from.
type Form uint8

const (
	// Chat is a list of messages.
	Chat Form = iota
	// Completion is one or more plain prompts.
	Completion
	// Embedding is one or more inputs.
	Embedding
)

// Prompt is everything in a request that costs input tokens, as slices of its body.
type Prompt struct {
	Form     Form
	Model    string
	Messages []Message // Chat
	Inputs   []Text    // Completion and Embedding, given as strings
	TokenIDs int       // inputs given as arrays of token ids: how many ids
	// Tools, ToolChoice and ResponseFormat are raw JSON values; nil: none.
	Tools, ToolChoice, ResponseFormat []byte
	Images                            []Image
	// Bytes is the length of all texts together.
	Bytes int
}

// Message is one chat message.
type Message struct {
	Role, Name, ToolCallID Text
	Contents               []Text // the content string, or the text of each part
	ToolCalls              []ToolCall
}

// ToolCall is a call of a tool in an earlier answer.
type ToolCall struct{ Name, Arguments Text }

// Image is a picture in the prompt.
type Image struct {
	URL    Text // data: URLs are sized by their header; others are never fetched
	Detail string
}
