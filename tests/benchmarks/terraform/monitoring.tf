# What the role monitoring makes for the dev profile.
locals {
  usual = { periods = 5, datapoints = 3, comparison = "GreaterThanThreshold" }

  load_balancer = { LoadBalancer = aws_lb.this.arn_suffix }
  targets       = { LoadBalancer = aws_lb.this.arn_suffix, TargetGroup = aws_lb_target_group.this.arn_suffix }
  service       = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.this.name }
  distribution  = { DistributionId = aws_cloudfront_distribution.this.id, Region = "Global" }

  # Of one metric.
  metric_alarms = {
    unhealthy-targets = merge(local.usual, {
      description = "A task does not answer its health check", threshold = 0
      namespace   = "AWS/ApplicationELB", metric = "UnHealthyHostCount", dimensions = local.targets, statistic = "Maximum", period = 60
    })
    few-tasks = {
      description = "Fewer than 1 tasks run", threshold = 1, periods = 10, datapoints = 10, comparison = "LessThanThreshold"
      namespace   = "AWS/ECS", metric = "CPUUtilization", dimensions = local.service, statistic = "SampleCount", period = 60
    }
    cpu = merge(local.usual, {
      description = "The tasks use more than 95 % of their CPU", threshold = 95, periods = 15, datapoints = 15
      namespace   = "AWS/ECS", metric = "CPUUtilization", dimensions = local.service, statistic = "Average", period = 60
    })
    memory = merge(local.usual, {
      description = "The tasks use more than 90 % of their memory", threshold = 90
      namespace   = "AWS/ECS", metric = "MemoryUtilization", dimensions = local.service, statistic = "Average", period = 60
    })
    log-errors = merge(local.usual, {
      description = "The application writes more than 10 errors to ${aws_cloudwatch_log_group.this.name} in 5 minutes", threshold = 10
      namespace   = var.name, metric = "LogErrors", dimensions = {}, statistic = "Sum", period = 300, periods = 1, datapoints = 1
    })
  }

  # Of metric math: one expression over metrics.
  requests = { namespace = "AWS/ApplicationELB", metric = "RequestCount", stat = "Sum" }
  math_alarms = {
    server-errors = {
      description = "More than 10 % of requests end with a server's error", label = "Server errors, %"
      expression  = "IF(FILL(requests, 0) + FILL(balancer, 0) >= 20, 100 * (FILL(targets, 0) + FILL(balancer, 0)) / (FILL(requests, 0) + FILL(balancer, 0)), 0)"
      metrics = {
        requests = local.requests
        targets  = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", stat = "Sum" }
        balancer = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", stat = "Sum" }
      }
    }
    latency = {
      description = "Fewer than 95 of 100 requests are answered within 10 s", label = "95th percentile, s"
      expression  = "IF(FILL(requests, 0) >= 20, latency, 0)"
      metrics = {
        requests = local.requests
        latency  = { namespace = "AWS/ApplicationELB", metric = "TargetResponseTime", stat = "p95" }
      }
    }
  }

  metric_filters = {
    errors  = { pattern = "{ ($.time = *) && (($.level = \"error\") || ($.level = \"critical\")) }", metric = "LogErrors", value = "1", default = 0, unit = "Count" }
    answers = { pattern = "{ ($.message = \"answered\") && ($.seconds = *) }", metric = "AnswerSeconds", value = "$.seconds", default = null, unit = "Seconds" }
    refused = { pattern = "{ $.message = \"foreign origin refused\" }", metric = "RefusedOrigins", value = "1", default = 0, unit = "Count" }
  }

  errors_query = "fields @timestamp, logger, message, exception\n| filter level in [\"error\", \"critical\"]\n| sort @timestamp desc\n| limit 100"
  queries = {
    "answers by hour"    = "filter message = \"answered\"\n| stats count(*) as answers, avg(seconds), pct(seconds, 95), max(seconds) by bin(1h)"
    "errors"             = local.errors_query
    "requests by status" = "filter ispresent(status)\n| stats count(*) as requests by status, path\n| sort requests desc\n| limit 100"
    "slow requests"      = "fields @timestamp, method, path, status, milliseconds, client\n| filter milliseconds > 1000\n| sort milliseconds desc\n| limit 100"
    "starts and ends"    = "fields @timestamp, @logStream, message, version, answers, answers_cut, seconds\n| filter message in [\"starting\", \"draining\", \"drained\"]\n| sort @timestamp desc\n| limit 100"
  }
}

resource "aws_cloudwatch_metric_alarm" "metric" {
  for_each            = local.metric_alarms
  alarm_name          = "${var.name}/app/${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  threshold           = each.value.threshold
  comparison_operator = each.value.comparison
  treat_missing_data  = "notBreaching"
}

resource "aws_cloudwatch_metric_alarm" "math" {
  for_each            = local.math_alarms
  alarm_name          = "${var.name}/app/${each.key}"
  alarm_description   = each.value.description
  evaluation_periods  = local.usual.periods
  datapoints_to_alarm = local.usual.datapoints
  threshold           = 10
  comparison_operator = local.usual.comparison
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "value"
    label       = each.value.label
    expression  = each.value.expression
    return_data = true
  }
  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = local.load_balancer
        stat        = metric_query.value.stat
        period      = 60
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "edge" {
  provider            = aws.edge
  alarm_name          = "${var.name}/edge/server-errors"
  alarm_description   = "More than 10 % of CloudFront's answers are a server's error"
  evaluation_periods  = local.usual.periods
  datapoints_to_alarm = local.usual.datapoints
  threshold           = 10
  comparison_operator = local.usual.comparison
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "percent"
    label       = "Server errors, %"
    expression  = "IF(FILL(requests, 0) >= 20, errors, 0)"
    return_data = true
  }
  dynamic "metric_query" {
    for_each = { requests = { metric = "Requests", stat = "Sum" }, errors = { metric = "5xxErrorRate", stat = "Average" } }
    content {
      id          = metric_query.key
      return_data = false
      metric {
        namespace   = "AWS/CloudFront"
        metric_name = metric_query.value.metric
        dimensions  = local.distribution
        stat        = metric_query.value.stat
        period      = 60
      }
    }
  }
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each       = local.metric_filters
  name           = "${var.name}/${each.key}"
  log_group_name = aws_cloudwatch_log_group.this.name
  pattern        = each.value.pattern
  metric_transformation {
    namespace     = var.name
    name          = each.value.metric
    value         = each.value.value
    default_value = each.value.default
    unit          = each.value.unit
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each        = local.queries
  name            = "${var.name}/${each.key}"
  log_group_names = [aws_cloudwatch_log_group.this.name]
  query_string    = each.value
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = "${var.name}-dashboard"
  dashboard_body = jsonencode({
    start = "-PT6H"
    widgets = [
      {
        type       = "alarm", x = 0, y = 0, width = 24, height = 3
        properties = { title = "Is the chat well?", alarms = concat(values(aws_cloudwatch_metric_alarm.metric)[*].arn, values(aws_cloudwatch_metric_alarm.math)[*].arn) }
      },
      {
        type = "metric", x = 0, y = 3, width = 8, height = 6
        properties = {
          title = "How many ask", view = "timeSeries", region = var.region, period = 60, stat = "Sum"
          metrics = [
            ["AWS/ApplicationELB", "RequestCount", "LoadBalancer", aws_lb.this.arn_suffix, { label = "Requests" }],
            [var.name, "AnswerSeconds", { label = "Answers of the chat", stat = "SampleCount" }],
          ]
        }
      },
      {
        type = "metric", x = 8, y = 3, width = 8, height = 6
        properties = {
          title       = "How long they wait, in seconds", view = "timeSeries", region = var.region, period = 60
          annotations = { horizontal = [{ label = "Alarm", value = 10 }] }
          metrics = [
            ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", aws_lb.this.arn_suffix, { label = "Half of the requests", stat = "p50" }],
            ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", aws_lb.this.arn_suffix, { label = "95 of 100 requests", stat = "p95" }],
            [var.name, "AnswerSeconds", { label = "95 of 100 answers of the chat", stat = "p95" }],
          ]
        }
      },
      {
        type = "metric", x = 16, y = 3, width = 8, height = 6
        properties = {
          title = "What goes wrong", view = "timeSeries", region = var.region, period = 60, stat = "Sum"
          metrics = [
            ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", aws_lb.this.arn_suffix, { label = "Errors of tasks" }],
            ["AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", "LoadBalancer", aws_lb.this.arn_suffix, { label = "Errors of the load balancer" }],
            [var.name, "LogErrors", { label = "Errors in the log" }],
            [var.name, "RefusedOrigins", { label = "Refused origins" }],
          ]
        }
      },
      {
        type = "metric", x = 0, y = 9, width = 8, height = 6
        properties = {
          title = "How many tasks there are", view = "timeSeries", region = var.region, period = 60
          yAxis = { left = { min = 0 } }
          metrics = [
            ["AWS/ECS", "CPUUtilization", "ClusterName", aws_ecs_cluster.this.name, "ServiceName", aws_ecs_service.this.name, { label = "Running", stat = "SampleCount" }],
            ["AWS/ApplicationELB", "HealthyHostCount", "LoadBalancer", aws_lb.this.arn_suffix, "TargetGroup", aws_lb_target_group.this.arn_suffix, { label = "Healthy", stat = "Minimum" }],
            ["AWS/ApplicationELB", "UnHealthyHostCount", "LoadBalancer", aws_lb.this.arn_suffix, "TargetGroup", aws_lb_target_group.this.arn_suffix, { label = "Not healthy", stat = "Maximum" }],
          ]
        }
      },
      {
        type = "metric", x = 8, y = 9, width = 8, height = 6
        properties = {
          title = "How busy they are, in percent", view = "timeSeries", region = var.region, period = 60, stat = "Average"
          yAxis = { left = { min = 0, max = 100 } }
          metrics = [
            ["AWS/ECS", "CPUUtilization", "ClusterName", aws_ecs_cluster.this.name, "ServiceName", aws_ecs_service.this.name, { label = "CPU" }],
            ["AWS/ECS", "MemoryUtilization", "ClusterName", aws_ecs_cluster.this.name, "ServiceName", aws_ecs_service.this.name, { label = "Memory" }],
          ]
        }
      },
      {
        type = "log", x = 16, y = 9, width = 8, height = 6
        properties = {
          title = "The last errors", view = "table", region = var.region
          query = "SOURCE '${aws_cloudwatch_log_group.this.name}' | ${local.errors_query}"
        }
      },
      {
        type = "metric", x = 0, y = 15, width = 12, height = 6
        properties = {
          title = "Requests at the edge", view = "timeSeries", region = "us-east-1", period = 60, stat = "Sum"
          metrics = [
            ["AWS/CloudFront", "Requests", "Region", "Global", "DistributionId", aws_cloudfront_distribution.this.id, { label = "Requests" }],
          ]
        }
      },
      {
        type = "metric", x = 12, y = 15, width = 12, height = 6
        properties = {
          title = "Errors at the edge, in percent", view = "timeSeries", region = "us-east-1", period = 60, stat = "Average"
          metrics = [
            ["AWS/CloudFront", "4xxErrorRate", "Region", "Global", "DistributionId", aws_cloudfront_distribution.this.id, { label = "Of the browser" }],
            ["AWS/CloudFront", "5xxErrorRate", "Region", "Global", "DistributionId", aws_cloudfront_distribution.this.id, { label = "Of the server" }],
          ]
        }
      },
    ]
  })
}
