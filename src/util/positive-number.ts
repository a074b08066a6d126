/** The number that a text gives, an environment variable say; undefined when it gives none above zero. */
export function positiveNumber(text: string | undefined): number | undefined {
  const value = Number(text)
  return text !== undefined && text !== '' && value > 0 ? value : undefined
}
