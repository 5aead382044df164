import { CREDENTIAL_SECRET } from './credentials.mjs';
import { HOST } from './ports.mjs';

/** The address under which the editor opens. */
export function editorAddress(port) {
  return `http://${HOST}:${port}/`;
}

/**
 * The text of Node-RED's settings file for the demo.
 *
 * Node-RED runs as a child of the start script: it tells its parent when it listens (its info line with the address,
 * in whatever language), and ends when the parent is gone, however that was ended.
 *
 * @param {number} port of the editor
 */
export function settingsFile(port) {
  return `// Written by every start of the demo: changes here are lost.
const { join } = require('node:path');

const address = '${editorAddress(port)}';
const INFO = 40;

process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));

function tellWhenListening(entry) {
  if (entry.level === INFO && String(entry.msg).includes(address) && process.connected) process.send('listening');
}

module.exports = {
  uiHost: '${HOST}',
  uiPort: ${port},
  flowFile: join(__dirname, 'flows.json'),
  flowFilePretty: true,
  credentialSecret: '${CREDENTIAL_SECRET}',
  functionExternalModules: true,
  // The palette manager would ask a public catalogue for updates whenever the editor opens.
  externalModules: { palette: { allowInstall: false } },
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: {
    page: { title: 'Posthorn demo' },
    header: { title: 'Posthorn demo' },
    tours: false,
    projects: {}, // neither used nor warned about
  },
  logging: {
    console: { level: 'warn', metrics: false, audit: false },
    start: { level: 'info', metrics: false, audit: false, handler: () => tellWhenListening },
  },
};
`;
}
