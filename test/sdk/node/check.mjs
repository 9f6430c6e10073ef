// Drives the gateway with OpenAI's own Node SDK: node check.mjs BASE_URL KEY
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });
const messages = [{ role: "user", content: "Hello!" }];
const tools = [{ type: "function", function: { name: "look_up", description: "Looks something up.", parameters: { type: "object", properties: {} } } }];

function want(ok, what) {
  if (!ok) throw new Error(what);
}

async function fails(kind, call) {
  try {
    await call();
  } catch (e) {
    want(e instanceof kind, `${e.constructor.name} (${e.message}) instead of ${kind.name}`);
    return e;
  }
  throw new Error(`no ${kind.name}`);
}

const checks = {
  async chat() {
    const r = await client.chat.completions.create({ model: "m", messages });
    want(r.choices[0].message.content.length > 0 && r.usage.total_tokens > 0, JSON.stringify(r));
  },
  async stream() {
    let text = "", usage = 0;
    for await (const c of await client.chat.completions.create({ model: "m", messages, stream: true, stream_options: { include_usage: true } })) {
      text += c.choices[0]?.delta?.content ?? "";
      if (c.usage) usage++;
    }
    want(text.length > 0 && usage === 1, `${usage} usages, ${text}`);
  },
  async "stream without usage"() {
    for await (const c of await client.chat.completions.create({ model: "m", messages, stream: true })) {
      want(!c.usage && c.choices.length === 1, JSON.stringify(c));
    }
  },
  async "stream helper"() {
    const r = await client.chat.completions.stream({ model: "m", messages }).finalChatCompletion();
    want(r.choices[0].finish_reason === "stop", JSON.stringify(r));
  },
  async tools() {
    const r = await client.chat.completions.create({ model: "m", messages, tools, tool_choice: "required" });
    want(r.choices[0].message.tool_calls[0].function.name === "look_up", JSON.stringify(r));
    const s = await client.chat.completions.stream({ model: "m", messages, tools, tool_choice: "required" }).finalChatCompletion();
    want(s.choices[0].message.tool_calls[0].function.arguments === "{}", JSON.stringify(s));
  },
  async embeddings() {
    const a = await client.embeddings.create({ model: "m", input: ["one", "two"] }); // the SDK asks for base64
    const b = await client.embeddings.create({ model: "m", input: ["one", "two"], encoding_format: "float" });
    want(a.data.length === 2 && a.data[0].embedding.length > 0, JSON.stringify(a));
    want(a.data.every((d, i) => d.embedding.every((x, j) => x === b.data[i].embedding[j])), "base64 and float differ");
  },
  async models() {
    const names = [];
    for await (const m of client.models.list()) names.push(m.id);
    want(names.includes("m") && (await client.models.retrieve("m")).id === "m", names.join());
  },
  async "errors by class"() {
    const e = await fails(OpenAI.AuthenticationError, () => new OpenAI({ baseURL, apiKey: "sk-wrong" }).models.list());
    want(e.code === "invalid_api_key" && e.requestID, `${e.code} ${e.requestID}`);
    await fails(OpenAI.NotFoundError, () => client.chat.completions.create({ model: "none", messages }));
    await fails(OpenAI.BadRequestError, () => client.chat.completions.create({ model: "m", messages: [] }));
    await fails(OpenAI.InternalServerError, () => client.chat.completions.create({ model: "m", messages: [{ role: "user", content: "[[simulate: status=500]]" }] }));
    await fails(OpenAI.RateLimitError, () => client.chat.completions.create({ model: "full", messages }, { maxRetries: 0 }));
  },
  async "a broken stream is an error"() {
    await fails(OpenAI.APIError, async () => {
      for await (const _ of await client.chat.completions.create({ model: "m", stream: true, messages: [{ role: "user", content: "[[simulate: mode=cut]]" }] }));
    });
  },
  async abort() {
    for await (const _ of await client.chat.completions.create({ model: "m", messages, stream: true })) break;
  },
};

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log("ok", name);
  } catch (e) {
    console.log("FAILED", name, e);
    process.exitCode = 1;
  }
}
