import { hostname as machineName } from 'node:os'

/**
 * Fills in what stands in the paths of log, pid and state files: `%n` short name of the node, `%h` its host, `%d` the
 * domain of the host, `%p` the whole name, `%i` the index of the process of the pool (0 in the main process), `%I` the
 * same with a dash before it, or nothing in the main process, `%%` a percent sign. Celery: `node_format`.
 *
 * @param index of the process of the pool; undefined: the main process.
 */
export function nodeFormat(template: string, nodename: string, index?: number): string {
  const at = nodename.indexOf('@')
  const host = nodename.slice(at + 1) || machineName()
  const values: Readonly<Record<string, string>> = {
    n: at > 0 ? nodename.slice(0, at) : 'celery',
    h: host,
    d: host.includes('.') ? host.slice(host.indexOf('.') + 1) : '',
    p: nodename,
    i: index === undefined ? '0' : String(index),
    I: index === undefined ? '' : `-${index}`,
    '%': '%',
  }
  return template.replace(/%([nhdpiI%])/g, (_, key: string) => values[key] ?? '')
}
