import { flowsRed } from '../editor/flows-red.ts';
import { sidebarRed } from './sidebar-red.editor.ts';

/** Gives the mouse a new node with a topic, as if a person had dragged it; from the keyboard it is placed in view. */
export function addNode(type: 'mqtt-in' | 'mqtt-out', topic: string, broker: string, atMouse: boolean): void {
  const common = {
    id: 'posthorn-sb-new',
    type,
    z: flowsRed().workspaces.active(),
    name: '',
    topic,
    broker,
    ...middle(),
  };
  const node =
    type === 'mqtt-in'
      ? { ...common, qos: '2', datatype: 'auto-detect', nl: false, rap: true, rh: 0, inputs: 0, wires: [[]] }
      : { ...common, qos: '', retain: '', wires: [] };
  sidebarRed().view.importNodes([node], {
    generateIds: true,
    addFlow: false,
    touchImport: !atMouse,
    notify: false,
    applyNodeDefaults: true,
  });
}

/** Of what is to be seen of the flow. */
function middle(): { x: number; y: number } {
  const chart = document.querySelector('#red-ui-workspace-chart');
  if (chart === null) return { x: 200, y: 100 };
  const { scrollLeft, scrollTop, clientWidth, clientHeight } = chart;
  return { x: Math.round(scrollLeft + clientWidth / 2), y: Math.round(scrollTop + clientHeight / 2) };
}
