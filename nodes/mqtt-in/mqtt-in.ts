import type { Node, NodeAPI, NodeMessage } from 'node-red';
import { connectionOf } from '../mqtt-connection/connection-of.ts';
import { datatypeOf } from '../common/decode.ts';
import { onFlows } from '../mqtt-connection/flow-events.ts';
import { flowWorkOptions, problemsOfAcknowledge } from '../common/acknowledge.ts';
import { reportOf } from '../mqtt-connection/connection-report.ts';
import { runAction } from '../mqtt-connection/actions.ts';
import { withoutConnection } from '../mqtt-connection/without-connection.ts';
import { filled } from '../common/stored.ts';
import { whenClosed } from '../mqtt-connection/when-closed.ts';
import { inView } from './in-view.ts';
import { DynamicSubscriptions } from './dynamic-subscriptions.ts';
import { type InDef, isDynamic } from './in-def.ts';
import { flowWorks } from './flow-works.ts';
import { Intake } from './intake.ts';
import { NodesBehind } from './nodes-behind.ts';
import { subscriptionOptions } from '../common/subscription-options.ts';

export = function register(RED: NodeAPI): void {
  onFlows(RED.events, flowWorks);
  const view = inView(MqttIn);

  function MqttIn(this: Node, def: InDef): void {
    RED.nodes.createNode(this, def);
    const connection = connectionOf(RED, def.broker);
    if (connection === undefined) return withoutConnection(this);
    for (const problem of problemsOfAcknowledge(def)) this.warn(problem);
    const intake = new Intake(this, connection, datatypeOf(def.datatype), isDynamic(def), flowWorkOptions(def));
    const subscriptions = new DynamicSubscriptions(intake, connection);
    view.add(this, { def, brokerConn: RED.nodes.getNode(String(def.broker)), dynamic: subscriptions });
    const behind = new NodesBehind(this, RED.nodes, intake.works);
    let isBegun = false;
    const begin = (): void => {
      // Before `behind` forgets who they were.
      if (isBegun && !behind.allStay) intake.flowChanged();
      isBegun = true;
      intake.begin();
    };
    // Where a deploy starts nothing, the next one tells.
    const unbegun = onFlows(RED.events, { started: begin });
    const unheard = onFlows(RED.events, behind);
    intake.open(isDynamic(def) ? () => subscriptions.takeUp() : undefined);
    if (!isDynamic(def)) intake.subscribe(filled(def.topic) ?? '', subscriptionOptions(def, 2));

    this.on('input', (msg: NodeMessage & { action?: unknown }, send, done) => {
      if (msg.action === 'connect' || msg.action === 'disconnect') runAction(connection, msg, done);
      else if (msg.action === 'getStatus') {
        send(Object.assign(msg, { topic: 'status', payload: reportOf(connection) }));
        done();
      } else subscriptions.run(msg, send, done);
    });
    this.on('close', (removed: boolean, done: () => void) => {
      unheard();
      unbegun();
      whenClosed(
        this,
        intake.close(
          removed,
          () => behind.stay,
          () => behind.allStay,
        ),
        done,
      );
    });
  }

  RED.nodes.registerType('mqtt-in', MqttIn);
};
