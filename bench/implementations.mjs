/**
 * @typedef {object} Implementation
 * @property {string} name
 * @property {{ connection: string, in: string, out: string } | undefined} types node types
 * @property {string} [folder] where the built package lies, if not in this checkout
 * @property {string | undefined} module the package to link into the user directory, where it is not Node-RED's own
 */

/** @type {Readonly<Record<'core' | 'posthorn' | 'none', Implementation>>} */
export const IMPLEMENTATIONS = {
  core: { name: 'core', types: { connection: 'mqtt-broker', in: 'mqtt in', out: 'mqtt out' }, module: undefined },
  posthorn: {
    name: 'posthorn',
    types: { connection: 'mqtt-connection', in: 'mqtt-in', out: 'mqtt-out' },
    module: '@posthorn/node-red-mqtt',
  },
  none: { name: 'none', types: undefined, module: undefined },
};
