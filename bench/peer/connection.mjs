import { once } from 'node:events';
import { frames } from './frames.mjs';
import { connack, PINGRESP, suback } from './packets.mjs';

const [CONNECT, PUBLISH, SUBSCRIBE, PINGREQ] = [1, 3, 8, 12];
const CHUNK_BYTES = 64 * 1024;

/** The broker's side of one MQTT 5 connection: agrees to everything, counts, and forgets what it receives. */
export class PeerConnection {
  /** Topic filters, each with the Subscription Identifier it was given. */
  subscriptions = new Map();
  publishesReceived = 0;

  #socket;
  #subscriptionIds;
  #acknowledgements = [];
  /** PINGRESP packets that wait for the end of a flood: its chunks end in the middle of a packet. */
  #pingsToAnswer = 0;
  #flooding = false;

  /**
   * @param {import('node:net').Socket} socket
   * @param {boolean} subscriptionIds whether Subscription Identifiers are available
   */
  constructor(socket, subscriptionIds) {
    this.#socket = socket;
    this.#subscriptionIds = subscriptionIds;
    const read = frames((...packet) => this.#receive(...packet));
    socket.on('error', () => {}); // Node-RED is being ended
    socket.on('data', (chunk) => {
      read(chunk);
      this.#acknowledge();
    });
  }

  /** Sends bytes in chunks of 64 KiB, as fast as the other side reads and not faster. */
  async flood(bytes) {
    this.#flooding = true;
    for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
      if (!this.#socket.write(bytes.subarray(start, start + CHUNK_BYTES))) {
        await once(this.#socket, 'drain');
      }
    }
    this.#flooding = false;
    this.#answerPings();
  }

  #receive(bytes, start, body, end) {
    switch (bytes[start] >> 4) {
      case PUBLISH:
        this.#receivePublish(bytes, start, body);
        break;
      case CONNECT:
        this.#socket.write(connack(this.#subscriptionIds));
        break;
      case SUBSCRIBE:
        this.#receiveSubscribe(bytes, body, end);
        break;
      case PINGREQ:
        this.#pingsToAnswer += 1;
        if (!this.#flooding) this.#answerPings();
        break;
      default: // acknowledgements: nothing waits for them
    }
  }

  #receivePublish(bytes, start, body) {
    this.publishesReceived += 1;
    if ((bytes[start] & 0x06) !== 0) {
      const packetId = body + 2 + bytes.readUInt16BE(body);
      this.#acknowledgements.push(0x40, 2, bytes[packetId], bytes[packetId + 1]);
    }
  }

  #answerPings() {
    for (; this.#pingsToAnswer > 0; this.#pingsToAnswer -= 1) {
      this.#socket.write(PINGRESP);
    }
  }

  /** One write for all PUBLISH packets of a chunk. */
  #acknowledge() {
    if (this.#acknowledgements.length > 0) {
      this.#socket.write(Buffer.from(this.#acknowledgements));
      this.#acknowledgements = [];
    }
  }

  #receiveSubscribe(bytes, body, end) {
    const { value: propertyBytes, next } = variableByteInteger(bytes, body + 2);
    const id = subscriptionId(bytes.subarray(next, next + propertyBytes));
    const codes = [];
    for (let at = next + propertyBytes; at < end; at += 3 + bytes.readUInt16BE(at)) {
      const options = at + 2 + bytes.readUInt16BE(at);
      this.subscriptions.set(bytes.toString('utf8', at + 2, options), id);
      codes.push(bytes[options] & 0x03);
    }
    this.#socket.write(suback(bytes.readUInt16BE(body), codes));
  }
}

/** Clients that send user properties with SUBSCRIBE are not measured: the identifier stands alone or is not there. */
function subscriptionId(properties) {
  return properties[0] === 0x0b ? variableByteInteger(properties, 1).value : undefined;
}

function variableByteInteger(bytes, start) {
  let value = 0;
  for (let index = start, shift = 0; ; index += 1, shift += 7) {
    value |= (bytes[index] & 0x7f) << shift;
    if (bytes[index] < 0x80) {
      return { value, next: index + 1 };
    }
  }
}
