/** `celery graph workers`: the workers, their processes, and what they are connected to, for Graphviz. */

import type { Celery } from '../app/celery.ts'
import { sanitizeUrl } from '../util/url.ts'
import { CliError, EXIT } from './exit-code.ts'

/** What is drawn. */
export interface WorkersPicture {
  readonly broker: string
  readonly backend: string | undefined
  readonly workers: readonly PicturedWorker[]
  /** Most workers that are shown; 0: all. */
  readonly maxWorkers: number
  /** Most processes of each that are shown; 0: all. */
  readonly maxThreads: number
  /** Whether workers and processes are counted instead of named. */
  readonly enumerate: boolean
  /** Whether of broker and backend only the kind is shown. */
  readonly generic: boolean
}

/** A worker, and how many processes it has, if that is known. */
export interface PicturedWorker {
  readonly name: string
  readonly threads: number | undefined
}

const KNOWN = ['nodes', 'threads', 'wmax', 'tmax', 'generic', 'enumerate', 'backend', 'broker']

/**
 * Reads words such as `nodes:a,b threads:2,2 wmax:4 tmax:3 generic enumerate backend:… broker:…`; without `nodes` the
 * workers that are online are asked.
 * @throws CliError when a word means nothing.
 */
export async function workersPicture(app: Celery, words: readonly string[]): Promise<WorkersPicture> {
  const given = new Map<string, string>()
  for (const word of words) {
    const colon = word.indexOf(':')
    const name = colon < 0 ? word : word.slice(0, colon)
    if (!KNOWN.includes(name)) throw usage(`'${word}' means nothing; known are ${KNOWN.join(', ')}`)
    given.set(name, colon < 0 ? '' : word.slice(colon + 1))
  }
  const { resultBackend } = app.settings
  const configured = typeof resultBackend === 'string' ? resultBackend : undefined
  const backend = given.get('backend') ?? configured
  return {
    broker: sanitizeUrl(given.get('broker') ?? app.brokers('read')[0]?.url ?? ''),
    backend: backend === undefined ? undefined : sanitizeUrl(backend),
    workers: given.has('nodes') ? namedWorkers(given) : await onlineWorkers(app),
    maxWorkers: count(given.get('wmax') ?? '4'),
    maxThreads: count(given.get('tmax') ?? '3'),
    enumerate: given.has('enumerate'),
    generic: given.has('generic'),
  }
}

function namedWorkers(given: ReadonlyMap<string, string>): PicturedWorker[] {
  const list = (text = ''): string[] => text.split(',').filter((item) => item !== '')
  const threads = list(given.get('threads')).map(count)
  return list(given.get('nodes')).map((name, index) => ({ name, threads: threads[index] }))
}

async function onlineWorkers(app: Celery): Promise<PicturedWorker[]> {
  const replies = await app.control.inspect().stats()
  return Object.entries(replies).map(([name, stats]) => {
    const most = stats.pool['max-concurrency']
    return { name, threads: typeof most === 'number' ? most : undefined }
  })
}

function count(text: string): number {
  if (!/^\d*$/.test(text)) throw usage(`'${text}' must be a number`)
  return Number(text)
}

function usage(message: string): CliError {
  return new CliError(message, { exitCode: EXIT.usage })
}

/** Draws it. */
export function drawWorkers(picture: WorkersPicture): string {
  const { workers, maxWorkers, maxThreads, enumerate, generic } = picture
  const kind = (title: string, url: string): string =>
    generic ? `${title} (${url.split('://', 1)[0]}://)` : url
  const broker = kind('Broker', picture.broker)
  const backend = picture.backend === undefined ? undefined : kind('Backend', picture.backend)
  const named = workers.map(({ name }, index) => (enumerate ? `Worker${subscript(index + 1)}` : name))
  const labels = abbreviated(named, 'W', maxWorkers)
  const lines = [node(broker, 'shape="circle", fillcolor="cadetblue3"')]
  if (backend !== undefined) lines.push(node(backend, 'shape="folder", fillcolor="peachpuff3"'))
  let drawn = 0
  for (const [index, label] of labels.entries()) {
    lines.push(node(label, 'shape="box", fillcolor="palegreen3"'), edge(label, broker))
    if (backend !== undefined) lines.push(edge(label, backend))
    const isLast = index === labels.length - 1
    const threads = (isLast ? workers.at(-1) : workers[index])?.threads ?? 0
    const numbers = Array.from({ length: threads }, (_, number) =>
      enumerate ? `P${subscript(number + 1)}` : String(number),
    )
    for (const number of abbreviated(numbers, 'P', maxThreads)) {
      drawn += 1
      const style = `shape="oval", fillcolor="lightcyan4", fontcolor="yellow", label=${quoted(number)}`
      lines.push(node(`thr-${drawn}`, style), edge(`thr-${drawn}`, label, ' [arrowhead="none"]'))
    }
  }
  return ['digraph workers {', '    node [style="filled"];', ...lines, '}', ''].join('\n')
}

function node(label: string, style: string): string {
  return `    ${quoted(label)} [${style}];`
}

function edge(from: string, to: string, style = ''): string {
  return `    ${quoted(from)} -> ${quoted(to)}${style};`
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '\\"')}"`
}

/** The first ones and the last, and between them how many there are besides. */
function abbreviated(labels: readonly string[], letter: string, most: number): readonly string[] {
  const last = labels.at(-1)
  if (most === 0 || labels.length <= most || last === undefined) return labels
  const first = labels.slice(0, Math.max(most - 2, 0))
  return [...first, `${letter}⎨…${subscript(labels.length - (most - 1))}⎬`, last]
}

function subscript(number: number): string {
  return String(number).replace(/\d/g, (digit) => '₀₁₂₃₄₅₆₇₈₉'.charAt(Number(digit)))
}
