import type { Node, NodeAPI, NodeDef, NodeMessage } from 'node-red';
import { ClientClosed } from '../../src/index.ts';
import { runAction } from '../common/actions.ts';
import { connectionOf } from '../common/connection-of.ts';
import { type OutDefaults, type OutgoingMsg, toRequest } from '../common/message.ts';
import { filled, flag, qosOf, userPropertiesOf } from '../common/stored.ts';
import type { SharedConnection, User } from '../mqtt-connection/shared-connection.ts';

interface OutDef extends NodeDef {
  readonly broker?: unknown;
  readonly topic?: unknown;
  readonly qos?: unknown;
  readonly retain?: unknown;
  readonly respTopic?: unknown;
  readonly correl?: unknown;
  readonly contentType?: unknown;
  readonly expiry?: unknown;
  readonly userProps?: unknown;
}

type Done = (error?: Error) => void;

export = function register(RED: NodeAPI): void {
  function MqttOut(this: Node, def: OutDef): void {
    RED.nodes.createNode(this, def);
    const connection = connectionOf(RED, def.broker);
    if (connection === undefined) {
      this.error('no connection chosen: open the node and choose one');
      return;
    }
    const own = defaultsOf(def);
    const user: User = { node: this, show: (status) => this.status(status) };
    connection.register(user);

    this.on('input', (msg: NodeMessage & OutgoingMsg & { action?: unknown }, _send, done) => {
      if (msg.action === undefined || msg.action === '') publish(connection, msg, own, done);
      else runAction(connection, msg, done);
    });
    this.on('close', (removed: boolean, done: () => void) => {
      // `deregister` never rejects.
      void connection.deregister(user, removed).then(done);
    });
  }

  RED.nodes.registerType('mqtt-out', MqttOut);
};

function publish(connection: SharedConnection, msg: OutgoingMsg, own: OutDefaults, done: Done): void {
  // A message without a payload is a signal for somebody else, as in Node-RED's own node.
  if (!('payload' in msg)) return done();
  connection.publish(toRequest(msg, own, connection.mqtt5), (error) => {
    // Kept in the store, it will be delivered by the connection's next life: that is no failure.
    if (error === undefined || (error instanceof ClientClosed && error.kept)) done();
    else done(error);
  });
}

/** A retain that is not chosen is left to the message. */
function defaultsOf(def: OutDef): OutDefaults {
  return {
    topic: filled(def.topic),
    qos: qosOf(def.qos),
    retain: def.retain === '' || def.retain === undefined ? undefined : flag(def.retain, false) || undefined,
    responseTopic: filled(def.respTopic),
    correlationData: filled(def.correl),
    contentType: filled(def.contentType),
    messageExpiryInterval: filled(def.expiry) ?? undefined,
    userProperties: userPropertiesOf(def.userProps),
  };
}
