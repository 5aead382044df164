import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import { connectionOf } from '../common/connection-of.ts';
import { datatypeOf } from '../common/decode.ts';
import { runAction } from '../common/actions.ts';
import { filled } from '../common/stored.ts';
import { DynamicSubscriptions } from './dynamic-subscriptions.ts';
import { Intake } from './intake.ts';
import { type StoredSubscription, subscriptionOptions } from './subscription-options.ts';

interface InDef extends NodeDef, StoredSubscription {
  readonly broker?: unknown;
  readonly topic?: unknown;
  readonly datatype?: unknown;
  /** 1: subscribed by messages. */
  readonly inputs?: unknown;
}

export = function register(RED: NodeAPI): void {
  function MqttIn(this: Node, def: InDef): void {
    RED.nodes.createNode(this, def);
    const connection = connectionOf(RED, def.broker);
    if (connection === undefined) {
      this.error('no connection chosen: open the node and choose one');
      return;
    }
    const dynamic = Number(def.inputs) === 1;
    const intake = new Intake(this, connection, datatypeOf(def.datatype));
    intake.open();
    const subscriptions = new DynamicSubscriptions(intake);
    if (!dynamic) intake.subscribe(filled(def.topic) ?? '', subscriptionOptions(def, 2));

    this.on('input', (msg: NodeMessage & { action?: unknown }, send, done) => {
      if (msg.action === 'connect' || msg.action === 'disconnect') runAction(connection, msg, done);
      else subscriptions.run(msg, send, done);
    });
    this.on('close', (removed: boolean, done: () => void) => {
      // `close` never rejects.
      void intake.close(removed).then(done);
    });
  }

  RED.nodes.registerType('mqtt-in', MqttIn);
};
