// The fitted laws, evaluated in the page. Each function takes a law's JSON and a mixture and gives one value per metric.
// The formulas are those of the laws of the same names in olmix/fit; the page checks itself against Python's numbers.
const LAWS = {
  // y = intercept + coefficients . (w - centre)
  Linear(law, w) { return ridge(law, w); },

  // The same on the weights and the products of every two of them, row by row of the upper triangle.
  Quadratic(law, w) {
    const features = [...w];
    for (let i = 0; i < w.length; i++) for (let j = i; j < w.length; j++) features.push(w[i] * w[j]);
    return ridge(law, features);
  },

  // y = shift + exp(c) + exp(t . w)
  LogLinear(law, w) {
    const { slopes_: slopes, log_floor_: floor, shift_: shift } = law.learned;
    return slopes.array.map((t, k) => shift.array[k] + Math.exp(floor.array[k]) + Math.exp(Math.min(dot(t, w), 500)));
  },

  // y = shift + sign * scale * (mean over exponents of E + (eps + s . g(w)) ** -alpha)
  EffectiveData(law, w) {
    const fit = law.learned, offset = law.settings.offset;
    return fit.share_.array.map((shares, k) => {
      const mean = shares.reduce((sum, share, q) => {
        const beta = fit.exponent_.array[k][q];
        const data = w.map((x) => (Math.max(x, 0) + offset) ** beta - offset ** beta);
        const z = fit.base_.array[k][q] + dot(fit.utility_.array[k][q], data);
        return sum + share * (fit.floor_.array[k][q] + z ** -fit.power_.array[k][q]);
      }, 0);
      return fit.shift_.array[k] + fit.sign_.array[k] * fit.scale_.array[k] * mean;
    });
  },

  // log(y - shift) = mean + deviation * (covariance with the runs) . dual, on warped weights
  GaussianProcess(law, w) {
    const fit = law.learned, m = w.length, runs = fit.inputs_.array;
    return fit.theta_.array.map((theta, k) => {
      const power = theta[m + 3], offset = Math.exp(theta[m + 4]), size = theta.slice(0, m).map((x) => Math.exp(-x));
      const warp = (x) => x.map((v, j) => size[j] * ((Math.max(v, 0) + offset) ** power - offset ** power) / power);
      const inputs = remembered(fit, k, () => runs.map(warp)), here = warp(w);
      const log = inputs.reduce((sum, run, i) => {
        let squared = 0;
        for (let j = 0; j < m; j++) squared += (here[j] - run[j]) ** 2;
        const r = Math.sqrt(5 * squared), matern = (1 + r + r * r / 3) * Math.exp(-r);
        return sum + fit.dual_.array[k][i] * (Math.exp(theta[m]) * matern + Math.exp(theta[m + 2]) * dot(here, run) + 100);
      }, 0);
      return fit.shift_.array[k] + Math.exp(Math.min(fit.mean_.array[k] + fit.deviation_.array[k] * log, 500));
    });
  },
};

function ridge(law, features) {
  const { coefficients_: coefficients, centre_: centre, intercept_: intercept } = law.learned;
  const away = features.map((value, f) => value - centre.array[f]);
  return coefficients.array.map((row, k) => intercept.array[k] + dot(row, away));
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const memory = new WeakMap();
function remembered(owner, key, make) {
  if (!memory.has(owner)) memory.set(owner, new Map());
  const own = memory.get(owner);
  if (!own.has(key)) own.set(key, make());
  return own.get(key);
}

function predict(law, w) { return LAWS[law.law](law, w); }
