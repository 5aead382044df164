import type { Node, NodeAPI, NodeMessage } from 'node-red';
import { runAction } from '../mqtt-connection/actions.ts';
import { connectionOf } from '../mqtt-connection/connection-of.ts';
import type { OutgoingMsg } from '../common/message.ts';
import { outcomes } from '../mqtt-connection/outcomes.ts';
import { publishMsg } from '../mqtt-connection/publish.ts';
import { withoutConnection } from '../mqtt-connection/without-connection.ts';
import { countRepeatedErrors } from '../mqtt-connection/repeated-errors.ts';
import { StatusLight } from '../mqtt-connection/status-light.ts';
import { whenClosed } from '../mqtt-connection/when-closed.ts';
import { outView } from './out-view.ts';
import type { User } from '../mqtt-connection/shared-connection.ts';
import { RefusalLight } from './refusal-light.ts';
import { type OutDef, outDefaults, settledBy } from './out-defaults.ts';

export = function register(RED: NodeAPI): void {
  outcomes.listen(RED);
  const view = outView(MqttOut);

  function MqttOut(this: Node, def: OutDef): void {
    RED.nodes.createNode(this, def);
    const connection = connectionOf(RED, def.broker);
    if (connection === undefined) return withoutConnection(this);
    const own = { defaults: outDefaults(def), settledBy: settledBy(def) };
    view.add(this, { def, brokerConn: RED.nodes.getNode(String(def.broker)) });
    const light = new StatusLight(this);
    const refusals = new RefusalLight(
      (status) => light.show(status),
      () => connection.state.phase === 'connected',
    );
    const user: User = { node: this, subscribesLate: false, publishes: true, show: (status) => refusals.show(status) };
    const repeats = countRepeatedErrors(this);
    const told = outcomes.open(
      this,
      (id) => RED.nodes.getNode(id),
      (error) => connection.lost(error),
      (msg, error) => refusals.hear(msg, error),
    );
    connection.register(user);

    this.on('input', (msg: NodeMessage & OutgoingMsg & { action?: unknown }, _send, done) => {
      if (msg.action) runAction(connection, msg, done);
      else publishMsg(connection, msg, own, done);
    });
    this.on('close', (removed: boolean, done: () => void) => {
      told();
      refusals.end();
      whenClosed(this, connection.deregister(user, removed), () => {
        repeats.end();
        done();
      });
    });
  }

  RED.nodes.registerType('mqtt-out', MqttOut);
};
