/**
 * Reports files as they change: the file system tells which, or, where it cannot, all that are watched are looked at
 * now and then.
 *
 * States: **idle** (nothing watched) → (first key) **watching** or, when the file system refuses, **polling** → (last key
 * gone) **idle**. What was told of is read in rounds, one after the other, so that an old content never comes after a
 * newer one.
 */
import type { FSWatcher } from 'node:fs'
import { watch } from 'node:fs'
import type { Clock, TimerHandle } from '../../util/clock.ts'
import type { KeyWatch } from '../key-value.ts'

const DEFAULT_INTERVAL_MS = 500

/** What a `FolderWatch` works with. */
export interface FolderWatchOptions {
  readonly folder: string
  /** Milliseconds between two looks; undefined: the file system is asked to tell. */
  readonly pollingInterval: number | undefined
  readonly clock: Clock
  readonly read: (key: string) => Promise<Uint8Array | undefined>
  /** Something that differs when the file was written again; undefined: there is none. */
  readonly stampOf: (key: string) => Promise<string | undefined>
  readonly deliver: (key: string, value: Uint8Array) => void
}

/** See the module's description. It keeps the process alive while anything is watched. */
export class FolderWatch implements KeyWatch {
  readonly #options: FolderWatchOptions
  /** Watched keys, with the stamp last seen when polling. */
  readonly #keys = new Map<string, string | undefined>()
  readonly #changed = new Set<string>()
  #watcher: FSWatcher | undefined
  #timer: TimerHandle | undefined
  #isLooking = false
  #reading = false

  constructor(options: FolderWatchOptions) {
    this.#options = options
  }

  async add(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#keys.set(key, undefined)
    if (this.#keys.size === 0 || this.#watcher !== undefined) return
    if (this.#options.pollingInterval === undefined && !this.#polls) this.#watch()
    else this.#poll()
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#keys.delete(key)
    if (this.#keys.size === 0) this.#stop()
  }

  async close(): Promise<void> {
    this.#keys.clear()
    this.#stop()
  }

  #stop(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #watch(): void {
    try {
      this.#watcher = watch(this.#options.folder, (_, name) => {
        if (name === null) for (const key of this.#keys.keys()) this.#changed.add(key)
        else if (this.#keys.has(name)) this.#changed.add(name)
        void this.#readChanged()
      })
      this.#watcher.on('error', () => {
        this.#stop()
        this.#poll()
      })
    } catch {
      // Too many watches, or a file system without: polling does, only less promptly.
      this.#poll()
    }
  }

  #poll(): void {
    if (this.#keys.size === 0 || this.#polls) return
    const { clock, pollingInterval = DEFAULT_INTERVAL_MS } = this.#options
    this.#timer = clock.setTimeout(() => void this.#look(), pollingInterval)
  }

  get #polls(): boolean {
    return this.#timer !== undefined || this.#isLooking
  }

  async #look(): Promise<void> {
    this.#timer = undefined
    this.#isLooking = true
    const looks = [...this.#keys].map(async ([key, seen]) => {
      const stamp = await this.#options.stampOf(key)
      if (stamp === undefined || stamp === seen || !this.#keys.has(key)) return
      this.#keys.set(key, stamp)
      this.#changed.add(key)
    })
    // What cannot be read is reported to those who load it, which all who wait do now and then.
    await Promise.allSettled(looks)
    await this.#readChanged()
    this.#isLooking = false
    this.#poll()
  }

  async #readChanged(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    while (this.#changed.size > 0) {
      const keys = [...this.#changed]
      this.#changed.clear()
      const values = await Promise.allSettled(keys.map((key) => this.#options.read(key)))
      values.forEach((outcome, index) => {
        const key = keys[index] ?? ''
        if (outcome.status === 'fulfilled' && outcome.value !== undefined && this.#keys.has(key)) {
          this.#deliver(key, outcome.value)
        }
      })
    }
    this.#reading = false
  }

  #deliver(key: string, value: Uint8Array): void {
    try {
      this.#options.deliver(key, value)
    } catch {
      // Celery writes large files in pieces: an event for the rest follows. Who loads it is told when it stays so.
    }
  }
}
