// openai.test.mjs - openai-node, unchanged, against longhaul.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import OpenAI from 'openai';
import { skipFake, skipReal, startFake, startReal } from './served.mjs';

// The fake reads its script out of the question; a real model just answers it.
const question = 'say=four_words_of_answer step_ms=1 What is two plus two?';
const long = 'tokens=100000 step_ms=5 Count from one to ten thousand, one number a line.';

function connect(server, options = {}) {
  return new OpenAI({ baseURL: server.url, apiKey: 'none', maxRetries: 0, ...options });
}

async function ask(client, content = question, more = {}) {
  const { data } = await client.models.list();
  return client.chat.completions.create({
    model: data[0].id, max_tokens: 16, temperature: 0,
    messages: [{ role: 'user', content }], ...more,
  });
}

async function textOf(stream) {
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
  return text;
}

for (const [name, skip, start] of [
  ['scripted answers', skipFake, startFake], ['a real model', skipReal, startReal]]) {
  describe(`openai-node over ${name}`, { skip, timeout: 300_000 }, () => {
    let server;
    let client;
    before(async () => {
      server = await start();
      client = connect(server);
    });
    after(() => server?.stop());

    test('models are listed and found', async () => {
      const { data } = await client.models.list();
      assert.equal(data.length, 1);
      assert.equal((await client.models.retrieve(data[0].id)).id, data[0].id);
      await assert.rejects(client.models.retrieve('no-such-model'), OpenAI.NotFoundError);
    });

    test('a chat is completed', async () => {
      const answer = await ask(client);
      assert.ok(answer.choices[0].message.content);
      assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
      assert.equal(answer.usage.total_tokens,
        answer.usage.prompt_tokens + answer.usage.completion_tokens);
    });

    test('a stream gives the same text as a whole answer', async () => {
      const whole = (await ask(client)).choices[0].message.content;
      assert.equal(await textOf(await ask(client, question, { stream: true })), whole);
    });

    test('the usage of a stream comes in its last chunk', async () => {
      const stream = await ask(client, question,
        { stream: true, stream_options: { include_usage: true } });
      let last;
      for await (const chunk of stream) last = chunk;
      assert.deepEqual(last.choices, []);
      assert.ok(last.usage.completion_tokens >= 1);
    });

    test('a stream can be aborted and the server goes on', async () => {
      const stream = await ask(client, long, { stream: true, max_tokens: 2000 });
      let count = 0;
      for await (const _ of stream) if (++count === 3) break;
      stream.controller.abort();
      assert.ok((await ask(client)).choices[0].message.content);
    });

    test('a text is completed', async () => {
      const { data } = await client.models.list();
      const answer = await client.completions.create(
        { model: data[0].id, prompt: 'say=x def add(a, b):', max_tokens: 8 });
      assert.ok(answer.choices[0].text);
    });

    test('an overflow is told with its code', async () => {
      await assert.rejects(ask(client, 'word '.repeat(20000)), (error) => {
        assert.ok(error instanceof OpenAI.BadRequestError);
        assert.equal(error.code, 'context_length_exceeded');
        assert.match(error.message, /maximum context length is \d+ tokens/);
        return true;
      });
    });

    test('a wrong type names the field', async () => {
      await assert.rejects(ask(client, question, { top_p: 'x' }), { status: 400, param: 'top_p' });
    });
  });
}

describe('openai-node and what only a script can do', { skip: skipFake, timeout: 60_000 }, () => {
  test('an abort while the prompt is computed cancels the work', async () => {
    const server = await startFake();
    try {
      const stream = await ask(connect(server), 'prefill_ms=3600000', { stream: true });
      for await (const _ of stream) break;
      await server.cancelled();
    } finally {
      await server.stop();
    }
  });

  test('an abort of a request that does not stream cancels the work', async () => {
    const server = await startFake();
    try {
      const client = connect(server);
      const abort = new AbortController();
      const asking = client.chat.completions.create(
        { model: 'fake', messages: [{ role: 'user', content: 'prefill_ms=3600000' }] },
        { signal: abort.signal });
      setTimeout(() => abort.abort(), 100);
      await assert.rejects(asking, OpenAI.APIUserAbortError);
      await server.cancelled();
    } finally {
      await server.stop();
    }
  });

  test('an error inside a stream is thrown', async () => {
    const server = await startFake();
    try {
      const stream = await ask(connect(server), 'tokens=5 error=memory after=2', { stream: true });
      await assert.rejects(textOf(stream), /the script ends in this error/);
    } finally {
      await server.stop();
    }
  });

  test('a wrong key is an authentication error', async () => {
    const server = await startFake({ keys: 'right' });
    try {
      await assert.rejects(connect(server).models.list(), OpenAI.AuthenticationError);
      assert.ok((await connect(server, { apiKey: 'right' }).models.list()).data.length);
    } finally {
      await server.stop();
    }
  });
});
