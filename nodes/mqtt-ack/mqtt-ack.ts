import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import { isRefusal, MqttError } from '../../src/index.ts';
import { whole } from '../common/stored.ts';
import { handles, type Warning } from '../mqtt-connection/handles.ts';
import { Repeats } from '../mqtt-connection/repeats.ts';

interface AckDef extends NodeDef {
  /** Empty: acknowledge; a Reason Code: refuse with it; `msg`: as `msg.reasonCode` says. */
  readonly reasonCode?: unknown;
}

type AckMsg = NodeMessage & { readonly delivery?: unknown; readonly reasonCode?: unknown };

export = function register(RED: NodeAPI): void {
  function MqttAck(this: Node, def: AckDef): void {
    RED.nodes.createNode(this, def);
    const repeats = new Repeats((text) => this.warn(text));
    const warn = ({ kind, text }: Warning): void => {
      if (repeats.isFirst(kind)) this.warn(text);
      else repeats.count(kind, text);
    };
    this.on('input', (msg: AckMsg, send, done) => {
      try {
        acknowledge(msg, reasonCodeOf(def, msg), warn);
      } catch (error) {
        return done(error as Error);
      }
      send(msg);
      done();
    });
    this.on('close', () => repeats.end());
  }

  RED.nodes.registerType('mqtt-ack', MqttAck);
};

/** @throws {MqttError} what the flow did wrong; of several handles all others are acknowledged. */
function acknowledge({ delivery }: AckMsg, reasonCode: number, warn: (warning: Warning) => void): void {
  const problems: MqttError[] = [];
  for (const handle of handlesIn(delivery)) {
    const objection = handles.acknowledge(handle, reasonCode);
    if (objection === undefined) continue;
    if ('error' in objection) problems.push(objection.error);
    else warn(objection.warning);
  }
  const [first] = problems;
  if (first !== undefined) throw first;
}

/** Of an empty list one that is missing: whoever made it meant to acknowledge something. */
function handlesIn(delivery: unknown): readonly unknown[] {
  return Array.isArray(delivery) && delivery.length > 0 ? delivery : [delivery];
}

/** @throws {MqttError} `invalid-message`: it is neither 0 nor one with which a message may be refused. */
function reasonCodeOf({ reasonCode }: AckDef, msg: AckMsg): number {
  if (reasonCode === undefined || reasonCode === '') return 0;
  const given = reasonCode === 'msg' ? msg.reasonCode : reasonCode;
  const code = given === undefined ? 0 : whole(given, 0, 255);
  if (code === 0 || (code !== undefined && isRefusal(code))) return code;
  const text = `not acknowledged: the reason code is ${shown(given)}, it must be 0, 128, 131, 135, 144, 151 or 153`;
  throw new MqttError('invalid-message', text);
}

function shown(value: unknown): string {
  return typeof value === 'number' || typeof value === 'string' ? `"${value}"` : 'no number';
}
