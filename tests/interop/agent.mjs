// An agent with the official SDK of the Model Context Protocol. Its arguments: where the callback is, then `stdio COMMAND ..` or
// `http URL TOKEN`. It does what an agent would and prints a line of JSON for each step.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [callback, mode, ...rest] = process.argv.slice(2);
const transport = mode === 'stdio'
  ? new StdioClientTransport({ command: rest[0], args: rest.slice(1), stderr: 'ignore' })
  : new StreamableHTTPClientTransport(new URL(rest[0]), rest[1] ? { requestInit: { headers: { authorization: `Bearer ${rest[1]}` } } } : {});
const client = new Client({ name: 'interop', version: '1.0.0' });
await client.connect(transport);

const say = (step, value) => console.log(JSON.stringify({ step, value }));
// The SDK checks each result against the output schema of its tool.
const call = async (step, name, args) => {
  try {
    const result = await client.callTool({ name, arguments: args });
    say(step, result.isError ? JSON.parse(result.content[0].text) : result.structuredContent ?? result.content);
    return result.structuredContent;
  } catch (error) {
    say(step, { refused: error.code, data: error.data });
  }
};

const { tools } = await client.listTools();
say('tools', tools.map((tool) => tool.name).sort());
const made = await call('register', 'webhook_register', { url: `${callback}/in`, event_types: ['ticket.*'] });
const callback_id = made?.callback.callback_id;
if (callback_id) {
  const secret = await fetch(made.secret.place);
  say('secret', (await secret.text()).slice(0, 6));
  say('secret again', (await fetch(made.secret.place)).status);
}
await call('bad url', 'webhook_register', { url: 'ftp://example.com/' });
await call('forbidden url', 'webhook_register', { url: 'https://10.0.0.1/' });
await call('secret as argument', 'webhook_register', { url: `${callback}/x`, secret: 'whsec_mine' });
await call('update', 'webhook_update', { callback_id, event_types: ['*'] });
await call('list', 'webhook_list', {});
await call('get', 'webhook_get', { callback_id });
await call('test', 'webhook_test', { callback_id });
await call('open', 'ticket_open', { subject: 'the printer is on fire' });
let delivered;
for (let turn = 0; turn < 100 && !delivered; turn++) {
  const result = await client.callTool({ name: 'webhook_list_deliveries', arguments: { callback_id, status: 'delivered' } });
  delivered = result.structuredContent?.deliveries?.find((delivery) => delivery.event_type === 'ticket.opened');
  await new Promise((done) => setTimeout(done, 50));
}
say('delivered', delivered);
await call('resend', 'webhook_resend', { message_id: delivered?.message_id ?? 'none', callback_id });
const started = await call('background', 'webhook_resend', { callback_id, since: '2020-01-01T00:00:00Z', background: true });
await call('jobs', 'webhook_list_jobs', { job: started?.job });
await call('rotate', 'webhook_rotate_secret', { callback_id, overlap_seconds: 60 });
await call('unregister', 'webhook_unregister', { callback_id });
await call('get again', 'webhook_get', { callback_id });
await client.close();
