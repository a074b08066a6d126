/** What the conformance suite for backends needs around its tests. */
import type { TestContext } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type {
  Backend,
  BackendFeatures,
  BackendOptions,
  ChordPart,
  ResultCodec,
} from '../../backends/backend.ts'
import type { ResultMeta } from '../../protocol/result-meta.ts'
import { uuid } from '../../util/uuid.ts'

/** The backend to be exercised. */
export interface BackendSubject {
  /** Shown in the titles of the tests. */
  readonly name: string
  /**
   * A new backend with these options (`backendOptions` fills in the rest); all backends of one test must see the same
   * results. Ids are different in each test, so tests may share a store. The suite closes what it opened.
   */
  readonly create: (t: TestContext, overrides: Partial<BackendOptions>) => Promise<Backend>
  /** What the backend says it can do; tests of what it cannot are left out. */
  readonly features: BackendFeatures
  /** Whether it has `chords`; default true. */
  readonly chords?: boolean
  /** Whether it has `watch`; default true. */
  readonly watch?: boolean
  /** Characters of the largest result that it must keep. Default 1 MiB. */
  readonly largestResult?: number
  /** How many results it keeps fast enough for a test. Default 1000. */
  readonly manyResults?: number
  /** What is left of a document when it is loaded, for stores that have not room for all of it; default: all. */
  readonly kept?: (meta: ResultMeta) => ResultMeta
}

/** Declares a test of a backend, with a session of its own. */
export type BackendTest = (title: string, body: (session: BackendSession) => Promise<void>) => void

/** The backends of one test, which are closed when it is over. */
export class BackendSession {
  readonly #t: TestContext
  readonly #subject: BackendSubject
  readonly #backends: Backend[] = []

  constructor(t: TestContext, subject: BackendSubject) {
    this.#t = t
    this.#subject = subject
  }

  async backend(overrides: Partial<BackendOptions> = {}): Promise<Backend> {
    const backend = await this.#subject.create(this.#t, overrides)
    this.#backends.push(backend)
    return backend
  }

  /** What is to be loaded when this was saved. */
  kept(metas: readonly (ResultMeta | undefined)[]): readonly (ResultMeta | undefined)[] {
    const { kept } = this.#subject
    return kept === undefined ? metas : metas.map((meta) => meta && kept(meta))
  }

  async end(): Promise<void> {
    await Promise.all(this.#backends.map((backend) => backend.close()))
  }
}

/** Plain JSON: what Celery writes by default, as far as backends are concerned. */
export const jsonResultCodec: ResultCodec = {
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
}

/** Options as the application would make them. */
export function backendOptions(url: string, overrides: Partial<BackendOptions> = {}): BackendOptions {
  return {
    url,
    transportOptions: {},
    codec: jsonResultCodec,
    expires: undefined,
    openChannel: () => Promise.reject(new Error('This backend was not expected to need the broker')),
    settings: {},
    ...overrides,
  }
}

/** The document of a result. */
export function resultMeta(overrides: Partial<ResultMeta> = {}): ResultMeta {
  return {
    status: 'SUCCESS',
    result: 42,
    traceback: null,
    children: [],
    date_done: '2030-01-02T03:04:05.678901+00:00',
    task_id: uuid(),
    ...overrides,
  }
}

/** Kept for ever, nobody waits. */
export const KEEP = { expires: undefined, replyTo: undefined }

/** A finished member of a chord's header. */
export function chordPart(index: number, overrides: Partial<ChordPart> = {}): ChordPart {
  return { index, id: uuid(), state: 'SUCCESS', result: index * 10, ...overrides }
}

/** Asks again and again until the answer is right; the test's time limit ends it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await wait(10)
}
