/**
 * Where the sun stands, to about a hundredth of a degree between 1950 and 2050, and little worse beyond: its mean place,
 * corrected by the main terms of the orbit and of nutation (Meeus, Astronomical Algorithms, chapters 12, 22 and 25).
 */

/** A place on earth, in degrees; north and east are positive. */
export interface Place {
  readonly latitude: number
  readonly longitude: number
}

const DAY = 86_400_000
const RADIANS = Math.PI / 180
/** Seconds of arc by which half of the sun's disc is wide, seen from its mean distance. */
const RADIUS = 959.63

interface Sun {
  /** Degrees. */
  readonly rightAscension: number
  /** Radians. */
  readonly declination: number
  /** In units of its mean. */
  readonly distance: number
  /** Degrees that Greenwich has turned. */
  readonly sidereal: number
}

/** Degrees of the sun's centre above the horizon. @param time milliseconds since 1970. */
export function sunAltitude(time: number, place: Place): number {
  const sun = sunAt(time)
  const hour = hourAngleOf(sun, place) * RADIANS
  const latitude = place.latitude * RADIANS
  const sine =
    Math.sin(latitude) * Math.sin(sun.declination) +
    Math.cos(latitude) * Math.cos(sun.declination) * Math.cos(hour)
  return Math.asin(sine) / RADIANS
}

/** Degrees by which the sun is past the south (north, below the equator): −180 to 180. */
export function sunHourAngle(time: number, place: Place): number {
  return hourAngleOf(sunAt(time), place)
}

/** Degrees from the sun's centre to its edge. */
export function sunRadius(time: number): number {
  return RADIUS / 3600 / sunAt(time).distance
}

function hourAngleOf({ sidereal, rightAscension }: Sun, { longitude }: Place): number {
  return turn(sidereal + longitude - rightAscension + 180) - 180
}

function sunAt(time: number): Sun {
  const days = time / DAY - 10_957.5
  const centuries = days / 36_525
  const sine = (degrees: number): number => Math.sin(degrees * RADIANS)
  const mean = 280.46646 + centuries * (36_000.76983 + centuries * 0.0003032)
  const anomaly = 357.52911 + centuries * (35_999.05029 - centuries * 0.0001537)
  const eccentricity = 0.016708634 - centuries * (0.000042037 + centuries * 0.0000001267)
  const centre =
    (1.914602 - centuries * (0.004817 + centuries * 0.000014)) * sine(anomaly) +
    (0.019993 - centuries * 0.000101) * sine(2 * anomaly) +
    0.000289 * sine(3 * anomaly)
  const node = 125.04 - 1934.136 * centuries
  const nutation = -0.00478 * sine(node)
  const longitude = (mean + centre - 0.00569 + nutation) * RADIANS
  const obliquity =
    (23.4392911 - centuries * (0.0130042 + centuries * 0.00000016) + 0.00256 * Math.cos(node * RADIANS)) *
    RADIANS
  return {
    rightAscension: Math.atan2(Math.cos(obliquity) * Math.sin(longitude), Math.cos(longitude)) / RADIANS,
    declination: Math.asin(Math.sin(obliquity) * Math.sin(longitude)),
    distance:
      (1.000001018 * (1 - eccentricity ** 2)) / (1 + eccentricity * Math.cos((anomaly + centre) * RADIANS)),
    sidereal:
      280.46061837 + 360.98564736629 * days + 0.000387933 * centuries ** 2 + nutation * Math.cos(obliquity),
  }
}

function turn(degrees: number): number {
  return degrees - 360 * Math.floor(degrees / 360)
}
