// Lines that work when they are pasted, in four languages.

const ask = (model) => ({ model, messages: [{ role: "user", content: "Hello!" }] });

export const samples = {
  curl: ({ api, key, model }) => `curl ${api}/v1/chat/completions \\
  -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\
  -d '${JSON.stringify(ask(model))}'`,
  python: ({ api, key, model }) => `from openai import OpenAI

client = OpenAI(base_url="${api}/v1", api_key="${key}")
answer = client.chat.completions.create(
    model="${model}", messages=[{"role": "user", "content": "Hello!"}])
print(answer.choices[0].message.content)`,
  node: ({ api, key, model }) => `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${api}/v1", apiKey: "${key}" });
const answer = await client.chat.completions.create({
  model: "${model}", messages: [{ role: "user", content: "Hello!" }] });
console.log(answer.choices[0].message.content);`,
  go: ({ api, key, model }) => `client := openai.NewClient(
	option.WithBaseURL("${api}/v1/"), option.WithAPIKey("${key}"))
answer, err := client.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
	Model:    "${model}",
	Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Hello!")},
})`,
};

export const sampleNames = { curl: "curl", python: "Python", node: "Node", go: "Go" };

// apiOf is where applications call, as this browser would write it: an address of this
// machine alone means nothing to whoever looks from another one.
export function apiOf(about) {
  const at = new URL(about?.api || "http://127.0.0.1:8080");
  const local = /^(localhost|127\..*|\[::1?\]|0\.0\.0\.0)$/;
  if (/^(0\.0\.0\.0|\[::\])$/.test(at.hostname) || (local.test(at.hostname) && !local.test(location.hostname))) at.hostname = location.hostname;
  return at.origin;
}
