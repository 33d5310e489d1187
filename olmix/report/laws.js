// The fitted laws, evaluated in the page. Each function takes a law's JSON and a mixture and gives one value per metric.
const LAWS = {
  // y = shift + exp(c) + exp(t . w)
  LogLinear(law, w) {
    const { slopes_: t, log_floor_: c, shift_: shift } = law.learned;
    return t.array.map((row, k) => shift.array[k] + Math.exp(c.array[k]) + Math.exp(Math.min(dot(row, w), 500)));
  },
};

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

// Whether the page knows every law inside this one.
function known(law) { return law.law in LAWS; }

function predict(law, w) { return LAWS[law.law](law, w); }
