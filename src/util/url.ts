/** URLs of brokers and result backends, read as kombu reads them. */

import { ImproperlyConfigured } from '../errors.ts'

/** Parts of a URL, percent-decoded. What is absent or empty is undefined. */
export interface UrlParts {
  /** E.g. `redis`, `amqp`, `redis+socket`, `db+postgresql`. */
  readonly scheme: string
  /** In lower case and without the brackets of IPv6. A list of hosts (`a:1,b:2`) stays one text. */
  readonly hostname: string | undefined
  readonly port: number | undefined
  readonly username: string | undefined
  readonly password: string | undefined
  /** Without its first slash: `amqp://h//` has the path `/`, `redis://h/1` has `1`. */
  readonly path: string | undefined
  /** The last value of each name; empty ones are left out. */
  readonly query: Readonly<Record<string, string>>
}

const SHAPE = /^([a-z][a-z0-9+._-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/i

/**
 * Takes a URL apart.
 *
 * @throws ImproperlyConfigured when it is no URL or its port is no number; the message doesn't show the password.
 */
export function parseUrl(url: string): UrlParts {
  const match = SHAPE.exec(url)
  if (match === null) {
    throw new ImproperlyConfigured(
      `'${sanitizeUrl(url)}' is no URL; it needs a scheme, as in redis://localhost:6379/0`,
    )
  }
  const [, scheme = '', authority = '', path = '', query = ''] = match
  const at = authority.lastIndexOf('@')
  const login = at < 0 ? '' : authority.slice(0, at)
  const colon = login.indexOf(':')
  return {
    scheme: scheme.toLowerCase(),
    ...parseHost(authority.slice(at + 1), url),
    username: decode(colon < 0 ? login : login.slice(0, colon)),
    password: colon < 0 ? undefined : decode(login.slice(colon + 1)),
    path: decode(path.slice(1)),
    query: parseQuery(query),
  }
}

/** The URLs of a `;`-separated list, of an array, or of both at once. Empty ones are dropped. */
export function splitUrls(urls: string | readonly string[]): string[] {
  const lists = typeof urls === 'string' ? [urls] : urls
  return lists.flatMap((list) => list.split(';').map((url) => url.trim())).filter((url) => url !== '')
}

/** How `buildUrl` hides the password. */
export interface BuildUrlOptions {
  /** Shown instead of the password; undefined: the password itself is shown. */
  readonly mask?: string
}

/** Puts a URL together. The query is left out, as kombu's `as_url` does. */
export function buildUrl(
  parts: Partial<UrlParts> & Pick<UrlParts, 'scheme'>,
  { mask }: BuildUrlOptions = {},
): string {
  const { scheme, hostname = '', port, username = '', password, path = '' } = parts
  let login = encodeURIComponent(username)
  if (password !== undefined) login += `:${mask ?? encodeURIComponent(password)}`
  const host = hostname.includes(':') && !hostname.includes(',') ? `[${hostname}]` : hostname
  return `${scheme}://${login === '' ? '' : `${login}@`}${host}${port === undefined ? '' : `:${port}`}/${path}`
}

const SECRET_QUERY =
  /([?&](?:[a-z0-9_]*(?:password|secret|token|signature|sig|accountkey|sharedaccesskey)[a-z0-9_]*)=)[^&#;]*/gi

/** The URL, or `;`-separated list of them, fit for a log: passwords and secret parameters are `**`. */
export function sanitizeUrl(url: string, mask = '**'): string {
  return url
    .split(';')
    .map((one) =>
      one.replace(/^([^:/?#]+:\/\/[^/?#:]*):(.*)@(?=[^@]*$)/s, (_, head: string) => `${head}:${mask}@`),
    )
    .join(';')
    .replace(SECRET_QUERY, (_, head: string) => head + mask)
}

function parseHost(text: string, url: string): Pick<UrlParts, 'hostname' | 'port'> {
  if (text.includes(',')) return { hostname: decode(text), port: undefined }
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d*))?$/.exec(text)
  const port = match?.[3] ? Number(match[3]) : undefined
  if (match === null || (port !== undefined && port > 65_535)) {
    throw new ImproperlyConfigured(
      `'${sanitizeUrl(url)}': '${text}' must be a host and a port from 0 to 65535`,
    )
  }
  return { hostname: decode((match[1] ?? match[2] ?? '').toLowerCase()), port }
}

function parseQuery(query: string): Record<string, string> {
  const values: [string, string][] = []
  for (const [name, value] of new URLSearchParams(query)) {
    if (value !== '') values.push([name, value])
  }
  return Object.fromEntries(values)
}

/** Decodes what is validly encoded and leaves the rest as it is, as Python's `unquote` does; empty → undefined. */
function decode(text: string): string | undefined {
  if (text === '') return undefined
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded)
    } catch {
      return encoded
    }
  })
}
