import type { Node, NodeAPI, NodeDef } from 'node-red';

export = function register(RED: NodeAPI): void {
  function MqttAck(this: Node, def: NodeDef): void {
    RED.nodes.createNode(this, def);
    this.on('input', (msg, send, done) => {
      send(msg);
      done();
    });
  }

  RED.nodes.registerType('mqtt-ack', MqttAck);
};
