import { finished } from 'node:stream/promises';

/**
 * From now on what a client publishes waits until it has the retained messages of its subscriptions before. Aedes takes all
 * packets that come at once side by side, and sends retained messages by and by: behind a reconnect a host would get its own
 * new "online" first, and the old "offline" after it.
 *
 * @param {import('aedes').Aedes} aedes
 */
export function retainedFirst(aedes) {
  const { authorizeSubscribe, authorizePublish, persistence } = aedes;
  /** What each client waits for: filters that are not subscribed yet, and retained messages that are on their way. */
  const underWay = new Map();
  const waiting = [];
  let subscriber;

  aedes.authorizeSubscribe = (client, filter, done) => {
    if (client !== null) begin(client, 1);
    authorizeSubscribe.call(aedes, client, filter, done);
  };
  // Emitted when all filters of a packet are subscribed, right before their retained messages are asked for.
  aedes.on('subscribe', (filters, client) => {
    subscriber = client;
    begin(client, 1);
    end(client, filters.length);
  });
  const retained = persistence.createRetainedStreamCombi.bind(persistence);
  persistence.createRetainedStreamCombi = (topics) => {
    const stream = retained(topics);
    const client = subscriber;
    const pipe = stream.pipe.bind(stream);
    // Aedes pipes it to what sends them one after the other.
    stream.pipe = (sender) => {
      void finished(sender, { readable: false })
        .catch(() => undefined)
        .then(() => end(client, 1));
      return pipe(sender);
    };
    return stream;
  };
  aedes.on('clientDisconnect', (client) => end(client, Infinity));
  aedes.authorizePublish = (client, packet, done) => {
    waiting.push({ client, go: () => authorizePublish.call(aedes, client, packet, done) });
    release(client);
  };

  function begin(client, count) {
    underWay.set(client, (underWay.get(client) ?? 0) + count);
  }

  function end(client, count) {
    const left = (underWay.get(client) ?? 0) - count;
    if (left > 0) return void underWay.set(client, left);
    underWay.delete(client);
    release(client);
  }

  function release(client) {
    if (underWay.has(client)) return;
    for (const publish of waiting.filter((each) => each.client === client)) {
      waiting.splice(waiting.indexOf(publish), 1);
      publish.go();
    }
  }
}
