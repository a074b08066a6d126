/** Workers on this machine that are started and stopped together. Celery: `Cluster`. */

import { setTimeout as pause } from 'node:timers/promises'
import { pluralise } from '../../util/text.ts'
import { joinWords } from '../shell-words.ts'
import type { MultiNode } from './multi-node.ts'
import type { MultiVoice } from './multi-voice.ts'

/** Milliseconds between two looks whether processes have ended. */
const LOOK = 100
/** Every so many looks there is a dot, which makes one in two seconds. */
const LOOKS_PER_DOT = 20

/** A node and the process that its pid file named when it was looked at. */
interface RunningNode {
  readonly node: MultiNode
  readonly pid: number
}

/** See the module's description. */
export class MultiCluster {
  readonly nodes: readonly MultiNode[]
  readonly #voice: MultiVoice

  constructor(nodes: readonly MultiNode[], voice: MultiVoice) {
    this.nodes = nodes
    this.#voice = voice
  }

  /** Starts all. @returns whether all of them run. */
  async start(): Promise<boolean> {
    this.#voice.note('> Starting nodes...')
    let allRun = true
    for (const node of this.nodes) {
      this.#voice.note(`\t> ${node.name}: `, '')
      const runs = await this.#startNode(node)
      allRun &&= runs
    }
    return allRun
  }

  /** Sends the signal to all, and waits for their end if that is wanted. */
  async stop(signal: NodeJS.Signals, { wait }: { readonly wait: boolean }): Promise<void> {
    await this.#stopNodes(signal, wait, async (node) => this.#down(node))
  }

  /** Stops all, and starts each as soon as it has ended. @returns whether all of them run. */
  async restart(signal: NodeJS.Signals): Promise<boolean> {
    let allRun = true
    await this.#stopNodes(signal, true, async (node) => {
      this.#voice.note(this.#voice.style('blue', `> Restarting node ${node.name}: `), '')
      const runs = await this.#startNode(node)
      allRun &&= runs
    })
    return allRun
  }

  /** Ends all at once. */
  async kill(): Promise<void> {
    for (const { node, pid } of await this.#running(async (down) => this.#down(down))) {
      this.#voice.note(`Sending KILL to node ${node.name} (${pid})`)
      if (!node.send(pid, 'SIGKILL')) this.#dead(node, pid)
    }
  }

  async #stopNodes(
    signal: NodeJS.Signals,
    wait: boolean,
    onDown: (node: MultiNode) => Promise<void>,
  ): Promise<void> {
    const running = await this.#running(onDown)
    if (running.length === 0) return
    const voice = this.#voice
    voice.note(voice.style('blue', '> Stopping nodes...'))
    const signalled: RunningNode[] = []
    for (const one of running) {
      const { node, pid } = one
      voice.note(`\t> ${node.name}: ${signal.slice(3)} -> ${pid}`)
      if (node.send(pid, signal)) {
        signalled.push(one)
      } else {
        this.#dead(node, pid)
        await onDown(node)
      }
    }
    if (wait && signalled.length > 0) await this.#untilEnded(signalled, onDown)
  }

  async #untilEnded(
    nodes: readonly RunningNode[],
    onDown: (node: MultiNode) => Promise<void>,
  ): Promise<void> {
    let left = nodes
    this.#waitingFor(left)
    for (let looks = 0; left.length > 0; looks++) {
      if (looks % LOOKS_PER_DOT === 0) this.#voice.note('.', '')
      const ended = left.find(({ node, pid }) => !node.isAlive(pid))
      if (ended === undefined) {
        await pause(LOOK)
        continue
      }
      this.#voice.note(`\n\t> ${ended.node.name}: ${this.#ok}`)
      left = left.filter((one) => one !== ended)
      await onDown(ended.node)
      this.#waitingFor(left)
    }
    this.#voice.note('')
  }

  #waitingFor(left: readonly RunningNode[]): void {
    if (left.length === 0) return
    const pids = left.map(({ pid }) => pid).join(', ')
    const text = `> Waiting for ${pluralise(left.length, 'node')} -> ${pids}...`
    this.#voice.note(this.#voice.style('blue', text), '')
  }

  /** Those with a pid file; the others are down. */
  async #running(onDown: (node: MultiNode) => Promise<void>): Promise<RunningNode[]> {
    const running: RunningNode[] = []
    for (const node of this.nodes) {
      const { pid } = node
      if (pid === undefined) await onDown(node)
      else running.push({ node, pid })
    }
    return running
  }

  async #startNode(node: MultiNode): Promise<boolean> {
    this.#voice.info(`  ${joinWords([node.executable, ...node.argv])}`)
    const outcome = await node.start()
    if (typeof outcome === 'string') this.#voice.note(`* Child was terminated by signal ${outcome.slice(3)}`)
    else if (outcome > 0) this.#voice.note(`* Child terminated with exit code ${outcome}`)
    this.#voice.note(outcome === 0 ? this.#ok : this.#voice.style('red', 'FAILED'))
    return outcome === 0
  }

  #down(node: MultiNode): void {
    this.#voice.note(`> ${node.name}: ${this.#voice.style('magenta', 'DOWN')}`)
  }

  #dead(node: MultiNode, pid: number): void {
    this.#voice.note(`Could not signal ${node.name} (${pid}): No such process`)
  }

  get #ok(): string {
    return this.#voice.style('green', 'OK')
  }
}
