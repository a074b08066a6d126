/**
 * The serializers that an application knows, by name and by content type. kombu: `SerializerRegistry`.
 *
 * Some are loaded only when somebody needs them: `await registry.ready('yaml')` once, at start; from then on encoding
 * and decoding are synchronous.
 */

import {
  CeleryError,
  ContentDisallowed,
  DecodeError,
  EncodeError,
  ImproperlyConfigured,
  SerializerNotInstalled,
} from '../../errors.ts'
import { didYouMean } from '../../util/text.ts'
import { JsonSerializer } from './json.ts'
import { MsgpackSerializer } from './msgpack.ts'
import type { EncodedBody } from './raw.ts'
import { decodeRaw, encodeRaw } from './raw.ts'
import type { Serializer } from './serializer.ts'

/** Content types that may be decoded. Made by `SerializerRegistry.acceptList`. */
export type AcceptList = ReadonlySet<string>

/** Where a serializer that is not loaded yet comes from. */
export interface LazySerializer {
  readonly name: string
  readonly contentType: string
  /** Called once, when the serializer is needed first. */
  load(): Promise<Serializer>
}

interface Entry {
  readonly name: string
  readonly contentType: string
  serializer: Serializer | undefined
  load: (() => Promise<Serializer>) | undefined
}

/** These hold texts or bytes alone and are taken from everybody. */
const TRUSTED: AcceptList = new Set(['application/data', 'application/text'])

/** Content types without a serializer: the body is a text, or bytes. */
const RAW: AcceptList = new Set([...TRUSTED, 'text/plain'])

/** See the module's description. */
export class SerializerRegistry {
  readonly #byName = new Map<string, Entry>()
  readonly #byContentType = new Map<string, Entry>()

  /** Adds a serializer, or replaces the one of that name or content type. kombu: `register`. */
  register(serializer: Serializer, aliases: readonly string[] = []): void {
    const { name, contentType } = serializer
    this.#add({ name, contentType, serializer, load: undefined }, aliases)
  }

  /** Adds a serializer that is loaded when it is needed. */
  registerLazy({ name, contentType, load }: LazySerializer, aliases: readonly string[] = []): void {
    this.#add({ name, contentType, serializer: undefined, load }, aliases)
  }

  /** Removes a serializer. @throws SerializerNotInstalled when there is none of that name. kombu: `unregister`. */
  unregister(name: string): void {
    const entry = this.#find(name)
    for (const index of [this.#byName, this.#byContentType]) {
      for (const [key, other] of index) {
        if (other === entry) index.delete(key)
      }
    }
  }

  /** The names of all serializers, without aliases. */
  get names(): string[] {
    return [...new Set([...this.#byName.values()].map(({ name }) => name))]
  }

  /**
   * Loads what the given names or content types need, so that they can be used at once afterwards. Types of plain texts
   * and bytes need nothing.
   *
   * @throws SerializerNotInstalled when a name is unknown or a package is missing.
   */
  async ready(...namesOrTypes: string[]): Promise<void> {
    await Promise.all(namesOrTypes.map((key) => this.#load(key)))
  }

  /** The serializer of that name or content type. @throws SerializerNotInstalled when there is none, or it is not ready. */
  get(nameOrType: string): Serializer {
    const { serializer, name } = this.#find(nameOrType)
    if (serializer !== undefined) return serializer
    throw new SerializerNotInstalled(
      `The serializer '${name}' is not loaded; await registry.ready('${name}') first`,
    )
  }

  /** Whether a serializer, named by itself or its content type, can be used without waiting. */
  isReady(nameOrType: string): boolean {
    return this.#isRaw(nameOrType) || this.#entry(nameOrType)?.serializer !== undefined
  }

  /**
   * Content types for a list of names or types, as in the setting `acceptContent`.
   *
   * @throws SerializerNotInstalled for unknown names; content types are taken as they are.
   */
  acceptList(namesOrTypes: Iterable<string>): AcceptList {
    const types = [...namesOrTypes].map((key) => (key.includes('/') ? key : this.#find(key).contentType))
    return new Set(types)
  }

  /**
   * Encodes a value.
   *
   * @param name name of the serializer; `raw` for texts and bytes as they are.
   * @throws EncodeError when the value cannot be encoded; SerializerNotInstalled when there is no such serializer or
   *   it is not ready.
   */
  encode(value: unknown, name: string): EncodedBody {
    if (name === 'raw') return encodeRaw(value)
    const serializer = this.get(name)
    const { contentType, contentEncoding } = serializer
    try {
      return { body: serializer.encode(value), contentType, contentEncoding }
    } catch (cause) {
      if (cause instanceof CeleryError) throw cause
      throw new EncodeError(`The serializer '${serializer.name}' failed: ${String(cause)}`, { cause })
    }
  }

  /**
   * Decodes a body.
   *
   * @param contentType missing: `application/data`.
   * @param contentEncoding missing: `utf-8`.
   * @throws ContentDisallowed when the type is not in `accept`; DecodeError when the body is not what its type says;
   *   SerializerNotInstalled when nothing here reads that type, or it is not ready.
   */
  decode(
    body: Uint8Array,
    contentType: string | undefined,
    contentEncoding: string | undefined,
    accept: AcceptList,
  ): unknown {
    const type = contentType || 'application/data'
    if (!accept.has(type) && !TRUSTED.has(type)) throw this.#disallowed(type, accept)
    if (RAW.has(type) && !this.#byContentType.has(type)) return decodeRaw(body, contentEncoding || 'utf-8')
    const serializer = this.get(type)
    try {
      return serializer.decode(body)
    } catch (cause) {
      if (cause instanceof CeleryError) throw cause
      throw new DecodeError(`The serializer '${serializer.name}' failed: ${String(cause)}`, { cause })
    }
  }

  #add(entry: Entry, aliases: readonly string[]): void {
    for (const name of [entry.name, ...aliases]) this.#byName.set(name, entry)
    this.#byContentType.set(entry.contentType, entry)
  }

  #entry(nameOrType: string): Entry | undefined {
    return this.#byName.get(nameOrType) ?? this.#byContentType.get(nameOrType)
  }

  #isRaw(nameOrType: string): boolean {
    return nameOrType === 'raw' || (RAW.has(nameOrType) && !this.#byContentType.has(nameOrType))
  }

  #find(nameOrType: string): Entry {
    const entry = this.#entry(nameOrType)
    if (entry !== undefined) return entry
    const hint =
      nameOrType === 'auth'
        ? ' before app.setupSecurity() has made it'
        : didYouMean(nameOrType, [...this.#byName.keys(), ...this.#byContentType.keys()])
    throw new SerializerNotInstalled(
      `There is no serializer '${nameOrType}'${hint}; there are ${this.names.join(', ')}, or register your own`,
    )
  }

  async #load(nameOrType: string): Promise<void> {
    if (this.#isRaw(nameOrType)) return
    const entry = this.#find(nameOrType)
    if (entry.load === undefined) return
    try {
      entry.serializer = await entry.load()
      entry.load = undefined
    } catch (cause) {
      if (!(cause instanceof ImproperlyConfigured)) throw cause
      throw new SerializerNotInstalled(cause.message, { cause })
    }
  }

  #disallowed(type: string, accept: AcceptList): ContentDisallowed {
    const entry = this.#byContentType.get(type)
    const known = entry === undefined ? type : `${entry.name} (${type})`
    const name = entry?.name ?? type
    const remedy = this.#byContentType.has('application/data')
      ? 'Messages must be signed here: let the sender call app.setupSecurity() (setup_security)'
      : `If you trust everybody who can send messages, add '${name}' to acceptContent (accept_content)`
    return new ContentDisallowed(
      `Refusing to decode content of type ${known}: only ${[...accept].join(', ') || 'nothing'} may come in. ${remedy}`,
    )
  }
}

/** A registry with what kombu has: json, yaml, msgpack, and pickle, which is refused with an explanation. */
export function createSerializerRegistry(): SerializerRegistry {
  const registry = new SerializerRegistry()
  registry.register(new JsonSerializer())
  registry.register(new MsgpackSerializer())
  registry.registerLazy({
    name: 'yaml',
    contentType: 'application/x-yaml',
    load: async () => (await import('./yaml.ts')).loadYamlSerializer(),
  })
  registry.register(new PickleRefusal())
  return registry
}

/** Stands where pickle would be, so that its name may be configured and the error says what is the matter. */
class PickleRefusal implements Serializer {
  readonly name = 'pickle'
  readonly contentType = 'application/x-python-serialize'
  readonly contentEncoding = 'binary'

  encode(): never {
    throw new SerializerNotInstalled(
      "pickle is Python's own format and can run any code when it is read, so it is not supported here; " +
        "use another serializer, e.g. taskSerializer: 'json'",
    )
  }

  decode(): never {
    throw new SerializerNotInstalled(
      "The message is pickled: that is Python's own format, can run any code when it is read, and is not supported " +
        "here; let the sender use another serializer, e.g. task_serializer = 'json'",
    )
  }
}
