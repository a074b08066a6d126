/** Where tasks go: the setting `taskRoutes` as a list of routers that are asked in turn. Celery: `celery.app.routes`. */

import type { Settings } from '../config/settings.ts'
import { ImproperlyConfigured } from '../errors.ts'
import { toWireOptions } from '../task/call-options.ts'
import type { RegisteredTask, WireOptions } from '../task/ports.ts'
import { compileGlob } from '../util/glob.ts'
import { isPlainObject } from '../util/is-record.ts'
import { importReference } from '../util/modules.ts'

/** What is routed. */
export interface RoutedCall {
  readonly name: string
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly options: WireOptions
  readonly task: RegisteredTask | undefined
}

/** Gives options for a call, or undefined when it is none of its business. */
export type Router = (call: RoutedCall) => WireOptions | undefined

/** The routers of `taskRoutes`. */
export interface Routes {
  readonly routers: readonly Router[]
  /** Nothing but the name decides, so that what was found for a name stays true. */
  readonly byNameOnly: boolean
}

/**
 * Reads `taskRoutes`; routers that are named by a text (`module#export`) are imported, which takes a while.
 * @throws ImproperlyConfigured for values that are no routers.
 */
export function readRoutes(value: Settings['taskRoutes']): Routes | Promise<Routes> {
  if (value === null) return { routers: [], byNameOnly: true }
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (!list.some((router) => typeof router === 'string')) return routesOf(list)
  const loading = list.map((router) =>
    typeof router === 'string' ? importReference(router, { option: 'taskRoutes' }) : router,
  )
  return Promise.all(loading).then(routesOf)
}

/** The same of routers that are there. @throws ImproperlyConfigured for values that are no routers. */
export function routesOf(list: readonly unknown[]): Routes {
  return { routers: list.map(readRouter), byNameOnly: list.every(isMap) }
}

/** The route of a call: that of the first router that has one. */
export function findRoute({ routers }: Routes, call: RoutedCall): WireOptions | undefined {
  for (const router of routers) {
    const route = router(call)
    if (route !== undefined) return route
  }
  return undefined
}

function isMap(value: unknown): boolean {
  return Array.isArray(value) || (isPlainObject(value) && !('routeForTask' in value))
}

function readRouter(value: unknown): Router {
  if (isFunction(value)) return readFunction(value)
  if (Array.isArray(value)) return mapRouter(value)
  if (typeof value === 'object' && value !== null) {
    if ('routeForTask' in value && isFunction(value.routeForTask))
      return objectRouter(value, value.routeForTask)
    return mapRouter(Object.entries(value))
  }
  throw new ImproperlyConfigured(`taskRoutes: ${String(value)} is no router`)
}

type AnyFunction = (...args: never[]) => unknown

function isFunction(value: unknown): value is AnyFunction {
  return typeof value === 'function'
}

function readFunction(value: AnyFunction): Router {
  const prototype: unknown = value.prototype
  if (typeof prototype === 'object' && prototype !== null && 'routeForTask' in prototype) {
    return readRouter(Reflect.construct(value, []))
  }
  return ({ name, args, kwargs, options, task }) =>
    readRoute(Reflect.apply(value, undefined, [name, args, kwargs, options, task]), name)
}

function objectRouter(object: object, routeForTask: AnyFunction): Router {
  return ({ name, args, kwargs }) =>
    readRoute(Reflect.apply(routeForTask, object, [name, args, kwargs]), name)
}

/** Names first, then patterns in their order. Only a `*` makes a pattern of a text, as in Celery. */
function mapRouter(entries: readonly unknown[]): Router {
  const names = new Map<string, unknown>()
  const patterns: { readonly matches: (name: string) => boolean; readonly route: unknown }[] = []
  for (const entry of entries) {
    const [pattern, route]: readonly unknown[] = Array.isArray(entry) ? entry : []
    if (pattern instanceof RegExp) {
      const anchored = new RegExp(`^(?:${pattern.source})`, pattern.flags.replace(/[gy]/g, ''))
      patterns.push({ matches: (name) => anchored.test(name), route })
    } else if (typeof pattern !== 'string' || route === undefined) {
      throw new ImproperlyConfigured(
        'taskRoutes: a list of pairs must itself stand in a list: [[[pattern, route], …]]; or write { pattern: route }',
      )
    } else if (pattern.includes('*')) {
      patterns.push({ matches: compileGlob(pattern), route })
    } else {
      names.set(pattern, route)
    }
  }
  return ({ name }) => {
    const exact = names.get(name)
    if (exact !== undefined) return readRoute(exact, name)
    const found = patterns.find(({ matches }) => matches(name))
    return found === undefined ? undefined : readRoute(found.route, name)
  }
}

/** A route: options of a call in either spelling, or the name of a queue. */
function readRoute(route: unknown, task: string): WireOptions | undefined {
  if (route === null || route === undefined) return undefined
  if (typeof route === 'string') return { queue: route }
  if (isPlainObject(route)) return optionsOf(route, task)
  throw new ImproperlyConfigured(
    `taskRoutes: the route of task '${task}' must be the name of a queue or an object of options, not ${String(route)}`,
  )
}

function optionsOf(route: Readonly<Record<string, unknown>>, task: string): WireOptions {
  try {
    return toWireOptions(route)
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause
    throw new ImproperlyConfigured(`taskRoutes: the route of task '${task}': ${cause.message}`, { cause })
  }
}
