/**
 * The deliveries of a channel that nobody has settled yet. kombu: `virtual.QoS`.
 *
 * States of a delivery: **held** (delivered, counted by the prefetch limit, its lease renewed) → **settling** (`settle`
 * or `requeue` was called; it waits for the end of the turn and for the store) → gone. When the store refuses, it is
 * held again, so that it can be tried once more or given back at the close; meanwhile the store is told again, now and
 * then, since not everybody tries, and nobody else would ever get what is held.
 *
 * Copies of broadcasts are unknown to the store: what is to be done with them later is done from here.
 */
import { ChannelError } from '../../errors.ts'
import type { BatcherOptions } from '../../util/batcher.ts'
import { Batcher } from '../../util/batcher.ts'
import type { Clock, TimerHandle } from '../../util/clock.ts'
import type { DeliveryTag } from '../message.ts'
import type { Postponed } from '../transport.ts'
import type { QueueStore, StoredMessage, Taken } from './queue-store.ts'
import { VirtualDelivery } from './virtual-delivery.ts'

/** Whom `Held` tells what happens. */
export interface HeldOptions {
  readonly store: QueueStore
  readonly clock: Clock
  /** Deliveries were settled: there is room for others. */
  readonly freed: () => void
  /** Copies of broadcasts were requeued, or are due by now: the store does not know them, so they stay in this process. */
  readonly redeliver: (deliveries: readonly VirtualDelivery[], reason: 'requeued' | 'due') => void
  /** The leases could not be renewed. */
  readonly failed: (error: unknown) => void
}

/** Milliseconds after which the store is told again what it refused. */
const REFUSED_AGAIN = 1000

/** See the module's description. */
export class Held {
  readonly #options: HeldOptions
  readonly #store: QueueStore
  readonly #held = new Map<DeliveryTag, VirtualDelivery>()
  readonly #settling: Batcher<VirtualDelivery>
  readonly #discarding: Batcher<VirtualDelivery>
  readonly #requeuing: Readonly<Record<'front' | 'back', Batcher<VirtualDelivery>>>
  readonly #postponing: Batcher<VirtualDelivery>
  /** Of those that are being postponed. */
  readonly #until = new WeakMap<VirtualDelivery, number>()
  /** What the store refused to be told, of deliveries that are held again. */
  readonly #refused = new Map<VirtualDelivery, Batcher<VirtualDelivery>>()
  /** For copies of broadcasts that were postponed. */
  readonly #waiting = new Set<TimerHandle>()
  #again: TimerHandle | undefined
  #lastTag = 0
  #renewal: TimerHandle | undefined
  #abandoned = false

  constructor(options: HeldOptions) {
    this.#options = options
    this.#store = options.store
    this.#settling = this.#batcher((batch) => this.#store.settle(takenOf(batch)), { concurrent: true })
    const discard = options.store.discard?.bind(options.store)
    this.#discarding = discard ? this.#batcher((batch) => discard(takenOf(batch))) : this.#settling
    this.#requeuing = {
      front: this.#batcher((batch) => {
        const inOrder = batch.toSorted((one, other) => one.tag - other.tag)
        return this.#store.restore(takenOf(inOrder), 'front')
      }),
      back: this.#batcher((batch) => this.#store.restore(takenOf(batch), 'back')),
    }
    this.#postponing = this.#batcher((batch) => this.#postpone(batch))
  }

  /** How many deliveries count against the prefetch limit. */
  get size(): number {
    return this.#held.size
  }

  /** A delivery that is held from now on. */
  add(queue: string, message: StoredMessage, taken: Taken | undefined): VirtualDelivery {
    const delivery = new VirtualDelivery(++this.#lastTag, queue, message, taken)
    this.#hold(delivery)
    return delivery
  }

  /** A delivery that counts as settled when it is delivered; `settleNow` tells the store. */
  addSettled(queue: string, message: StoredMessage, taken: Taken | undefined): VirtualDelivery {
    return new VirtualDelivery(++this.#lastTag, queue, message, taken)
  }

  /** Tells the store that deliveries are done which were never held. */
  settleNow(deliveries: readonly VirtualDelivery[]): Promise<void> {
    let done: Promise<void> | undefined
    for (const delivery of deliveries) {
      if (delivery.taken !== undefined) done = this.#settling.add(delivery)
    }
    return done ?? Promise.resolve()
  }

  /** Settles when the store has forgotten them. Rejects with `ChannelError` for tags that are not held. */
  settle(tags: readonly DeliveryTag[]): Promise<void> {
    return this.#finish(tags, this.#settling)
  }

  /** Settles when the store has dealt with what was rejected. Rejects with `ChannelError` for tags that are not held. */
  discard(tags: readonly DeliveryTag[]): Promise<void> {
    return this.#finish(tags, this.#discarding)
  }

  /** Settles when they are back in their queues. Rejects with `ChannelError` for tags that are not held. */
  requeue(tags: readonly DeliveryTag[], position: 'front' | 'back'): Promise<void> {
    let done: Promise<void> | undefined
    let unknown: DeliveryTag | undefined
    const local: VirtualDelivery[] = []
    for (const tag of tags) {
      const delivery = this.#letGo(tag)
      if (delivery === undefined) unknown = tag
      else if (delivery.taken === undefined) local.push(delivery)
      else done = this.#requeuing[position].add(delivery)
    }
    if (local.length > 0) this.#options.redeliver(local, 'requeued')
    this.#options.freed()
    return unknown === undefined ? (done ?? Promise.resolve()) : refuse(unknown, done)
  }

  /** Settles when the store keeps them until they are due. Rejects with `ChannelError` for tags that are not held. */
  postpone(postponed: readonly Postponed[]): Promise<void> {
    let done: Promise<void> | undefined
    let unknown: DeliveryTag | undefined
    for (const { tag, until } of postponed) {
      const delivery = this.#letGo(tag)
      if (delivery === undefined) unknown = tag
      else if (delivery.taken === undefined) this.#wait(delivery, until)
      else {
        this.#until.set(delivery, until)
        done = this.#postponing.add(delivery)
      }
    }
    this.#options.freed()
    return unknown === undefined ? (done ?? Promise.resolve()) : refuse(unknown, done)
  }

  /** Resolves when the store has answered to everything that was settled or requeued so far, well or badly. */
  async drain(): Promise<void> {
    // What is done would else be given back.
    this.#tellAgain()
    await this.#settling.drain()
    await this.#discarding.drain()
    await this.#requeuing.front.drain()
    await this.#requeuing.back.drain()
    await this.#postponing.drain()
  }

  /** Gives everything held back, to be served next and in the order in which it was delivered. */
  async restoreAll(): Promise<void> {
    const taken = takenOf(this.#held.values())
    this.abandon()
    if (taken.length > 0) await this.#store.restore(taken, 'front')
  }

  /** Holds nothing any more and renews nothing: what the store has recorded as ours it will find by itself. */
  abandon(): void {
    this.#abandoned = true
    this.#held.clear()
    this.#refused.clear()
    for (const timer of [this.#renewal, this.#again, ...this.#waiting]) timer?.cancel()
    this.#waiting.clear()
    this.#renewal = undefined
    this.#again = undefined
  }

  #finish(tags: readonly DeliveryTag[], batcher: Batcher<VirtualDelivery>): Promise<void> {
    let done: Promise<void> | undefined
    let unknown: DeliveryTag | undefined
    for (const tag of tags) {
      const delivery = this.#letGo(tag)
      if (delivery === undefined) unknown = tag
      else if (delivery.taken !== undefined) done = batcher.add(delivery)
    }
    this.#options.freed()
    return unknown === undefined ? (done ?? Promise.resolve()) : refuse(unknown, done)
  }

  async #postpone(batch: readonly VirtualDelivery[]): Promise<void> {
    const postponed = batch.flatMap((delivery) => {
      const { taken } = delivery
      return taken === undefined ? [] : [{ taken, until: this.#until.get(delivery) ?? 0 }]
    })
    await this.#store.postpone?.(postponed)
  }

  #batcher(
    tell: (batch: readonly VirtualDelivery[]) => Promise<void>,
    options?: BatcherOptions,
  ): Batcher<VirtualDelivery> {
    const batcher: Batcher<VirtualDelivery> = new Batcher(async (batch) => {
      try {
        await tell(batch)
      } catch (error) {
        for (const delivery of batch) this.#refuse(delivery, batcher)
        throw error
      }
    }, options)
    return batcher
  }

  #refuse(delivery: VirtualDelivery, batcher: Batcher<VirtualDelivery>): void {
    if (this.#abandoned) return
    this.#hold(delivery)
    this.#refused.set(delivery, batcher)
    this.#again ??= this.#options.clock.setTimeout(() => this.#tellAgain(), REFUSED_AGAIN)
    this.#again.unref()
  }

  #tellAgain(): void {
    const refused = [...this.#refused]
    this.#again?.cancel()
    this.#again = undefined
    for (const [delivery, batcher] of refused) {
      this.#letGo(delivery.tag)
      // Refused once more, it will be told once more.
      batcher.add(delivery).catch(() => undefined)
    }
    this.#options.freed()
  }

  /** A delivery that is held no more. */
  #letGo(tag: DeliveryTag): VirtualDelivery | undefined {
    const delivery = this.#held.get(tag)
    if (delivery === undefined) return undefined
    this.#held.delete(tag)
    if (this.#refused.size > 0) this.#refused.delete(delivery)
    return delivery
  }

  #wait(delivery: VirtualDelivery, until: number): void {
    const { clock, redeliver } = this.#options
    const timer = clock.setTimeout(() => {
      this.#waiting.delete(timer)
      redeliver([delivery], 'due')
    }, until - clock.now())
    timer.unref()
    this.#waiting.add(timer)
  }

  #hold(delivery: VirtualDelivery): void {
    if (this.#abandoned) return
    this.#held.set(delivery.tag, delivery)
    if (this.#renewal === undefined && delivery.taken !== undefined) this.#scheduleRenewal()
  }

  #scheduleRenewal(): void {
    const { lease } = this.#store
    if (lease === undefined) return
    this.#renewal = this.#options.clock.setTimeout(() => void this.#renew(lease), lease.everyMs)
    this.#renewal.unref()
  }

  async #renew(lease: NonNullable<QueueStore['lease']>): Promise<void> {
    const taken = takenOf(this.#held.values())
    try {
      if (taken.length > 0) await lease.renew(taken)
    } catch (error) {
      if (!this.#abandoned) this.#options.failed(error)
      return
    }
    this.#renewal = undefined
    if (this.#held.size > 0) this.#scheduleRenewal()
  }
}

function takenOf(deliveries: Iterable<VirtualDelivery>): Taken[] {
  const taken: Taken[] = []
  for (const delivery of deliveries) if (delivery.taken !== undefined) taken.push(delivery.taken)
  return taken
}

async function refuse(tag: DeliveryTag, rest: Promise<void> | undefined): Promise<never> {
  await rest
  throw new ChannelError(
    `Unknown delivery tag ${JSON.stringify(tag)}: it was settled before or delivered on another channel`,
    { recoverable: false },
  )
}
